#!/usr/bin/python3
"""Streams of events pass through as they are and as they come."""

import json

from harness import gateway, wire
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request, usage_event)
from harness.suite import main, test

# What the event-stream format allows, and more than one backend writes: every kind of line end, a byte order
# mark, comments, fields without a value, data of several lines, characters of two to four bytes, no last event.
STREAMS = {
    "LF line ends": b"data: {\"choices\":[]}\n\ndata: two\n\ndata: [DONE]\n\n",
    "CRLF line ends": b"data: {\"choices\":[]}\r\n\r\ndata: two\r\n\r\ndata: [DONE]\r\n\r\n",
    "CR line ends": b"data: {\"choices\":[]}\r\rdata: two\r\rdata: [DONE]\r\r",
    "a byte order mark": b"\xef\xbb\xbfdata: {\"choices\":[]}\n\ndata: [DONE]\n\n",
    "data of several lines": b"data: {\"choices\":\ndata: []}\ndata\ndata:\n\ndata: [DONE]\n\n",
    "comments and other fields": b": ping\n\nid: 7\nevent: message\nretry: 10\ndata:no blank\n\n:\n\nunknown\n\n",
    "characters of two to four bytes": b"data: " + "é€𝄞中".encode() + b"\n\ndata: [DONE]\n\n",
    "no end of the last event": b"data: one\n\ndata: tw",
    "no event at all": b"\n\n\n: nothing\n",
}


def ends_of_events(stream):
    """Positions right behind each event's blank line."""
    ends, at_line_start, i = [], False, 0
    while i < len(stream):
        if stream[i] in b"\r\n":
            i += 2 if stream[i:i + 2] == b"\r\n" else 1
            if at_line_start:
                ends.append(i)
            at_line_start = True
        else:
            at_line_start = False
            i += 1
    return ends


def begin_stream(client, upstream_connection=None, upstream=None):
    """Sends a streaming request and answers its head; gives the backend's connection."""
    client.send(request(body=chat(stream=True)))
    backend = upstream_connection or upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD)
    return backend


def register_splits(name, stream):
    @test(f"a stream with {name} is relayed byte for byte wherever it is cut")
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client, backend = t.connect(sluice), None
        ends = ends_of_events(stream)
        for cut in range(1, len(stream)):
            backend = begin_stream(client, backend, upstream)
            backend.send(chunk(stream[:cut]))
            complete = max([e for e in ends if e <= cut], default=0)
            got = b""
            if complete:
                # The events before the cut arrive although the backend says nothing more.
                assert client.read_head().status == 200
                content = wire.ChunkedContent(client)
                got = content.read(complete)
            backend.send(chunk(stream[cut:]) + LAST_CHUNK)
            if not complete:
                assert client.read_head().status == 200
                content = wire.ChunkedContent(client)
            got += content.read_to_end()
            assert got == stream, (cut, got)


for case_name, case_stream in STREAMS.items():
    register_splits(case_name, case_stream)


@test("each event reaches the client before the backend sends the next one")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    backend = begin_stream(client, upstream=upstream)
    content = None
    for i in range(200):
        frame = event(f"token {i}")
        backend.send(chunk(frame))
        if content is None:
            assert client.read_head().get("content-type") == "text/event-stream; charset=utf-8"
            content = wire.ChunkedContent(client)
        assert content.read(len(frame)) == frame
    backend.send(chunk(DONE) + LAST_CHUNK)
    assert content.read_to_end() == DONE
    assert sluice.access_log(1)[0]["events"] == 200
    assert sluice.metrics().sum("sluice_inter_token_gap_seconds_count") == 199


@test("each event reaches the client before the next one also without chunked coding, up to the backend's close")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + event("0"))
    assert client.read_head().get("transfer-encoding") == "chunked"
    content = wire.ChunkedContent(client)
    assert content.read(len(event("0"))) == event("0")
    for i in range(1, 20):
        backend.send(event(str(i)))
        assert content.read(len(event(str(i)))) == event(str(i))
    backend.leave()
    assert content.read_to_end() == b""


@test("the content of an answer that is no stream of events is not held back either")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 12\r\n\r\n")
    assert client.read_head().get("content-length") == "12"
    for piece in (b"one", b"two", b"three!"):
        backend.send(piece)
        assert client.read_exactly(len(piece)) == piece


@test("a stream's bytes may arrive one by one")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    stream = event("é€𝄞") + usage_event(3, 1) + DONE
    backend = begin_stream(client, upstream=upstream)
    for i in range(len(stream)):
        backend.send(chunk(stream[i:i + 1]))
    backend.send(LAST_CHUNK)
    assert client.read_response().body == stream
    record = sluice.access_log(1)[0]
    assert (record["events"], record["prompt_tokens"], record["completion_tokens"]) == (1, 3, 1), record


@test("an event that is longer than every buffer is relayed whole")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    stream = event("x" * 300_000) + usage_event(5, 9) + DONE
    backend = begin_stream(client, upstream=upstream)
    for i in range(0, len(stream), 50_000):
        backend.send(chunk(stream[i:i + 50_000]))
    backend.send(LAST_CHUNK)
    assert client.read_response().body == stream
    record = sluice.access_log(1)[0]
    assert (record["prompt_tokens"], record["completion_tokens"]) == (5, 9), record


def counted(t, backend_sends, body=None):
    """One exchange; its access-log line and the metrics after it."""
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=body or chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(backend_sends)
    client.read_response()
    record = sluice.access_log(1)[0]
    return record, sluice.metrics()


@test("the usage in a stream's last frame is counted in the access log and in the metrics")
def _(t):
    record, metrics = counted(t, EVENTS_HEAD + chunk(event("a")) + chunk(event("b")) + chunk(usage_event(11, 2)) +
                              chunk(DONE) + LAST_CHUNK)
    assert (record["prompt_tokens"], record["completion_tokens"], record["events"]) == (11, 2, 2), record
    assert metrics.sum("sluice_tokens_total", kind="prompt") == 11
    assert metrics.sum("sluice_tokens_total", kind="completion") == 2
    assert metrics.sum("sluice_time_to_first_token_seconds_count") == 1


@test("the usage in a JSON answer is counted in the access log and in the metrics")
def _(t):
    body = json.dumps({"id": "c", "choices": [{"message": {"content": "\"usage\":{\"prompt_tokens\":99}"}}],
                       "usage": {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}}).encode()
    record, metrics = counted(t, answer(body), chat())
    assert (record["prompt_tokens"], record["completion_tokens"]) == (7, 4), record
    assert metrics.sum("sluice_tokens_total", kind="prompt") == 7


@test("of running usage on every frame the last one counts")
def _(t):
    record, _ = counted(t, EVENTS_HEAD + chunk(usage_event(4, 1)) + chunk(usage_event(4, 2)) + chunk(usage_event(4, 3)) +
                        chunk(DONE) + LAST_CHUNK)
    assert (record["prompt_tokens"], record["completion_tokens"]) == (4, 3), record


@test("a stream without usage is relayed and counts no tokens")
def _(t):
    record, metrics = counted(t, EVENTS_HEAD + chunk(event("a") + DONE) + LAST_CHUNK)
    assert "prompt_tokens" not in record and record["events"] == 1, record
    assert metrics.sum("sluice_tokens_total") == 0


@test("a stream that breaks off ends with an error event and without the last chunk")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    backend = begin_stream(client, upstream=upstream)
    backend.send(chunk(event("a")))
    assert client.read_head().status == 200
    content = wire.ChunkedContent(client)
    assert content.read(len(event("a"))) == event("a")
    backend.leave()
    rest = client.read_to_end()
    assert b"data: {\"error\":" in rest and b"[DONE]" not in rest and not rest.endswith(LAST_CHUNK), rest
    record = sluice.access_log(1)[0]
    assert (record["status"], record["error"], record["fault"]) == (200, "upstream_cut", "upstream"), record


@test("a backend that fails before its stream's first event is answered with an error status")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}))
    client = t.connect(sluice)
    backend = begin_stream(client, upstream=upstream)
    backend.leave()
    answered = client.read_response()
    assert answered.status == 502, answered
    assert sluice.access_log(1)[0]["error"] == "upstream_cut"


@test("a stream that falls silent for longer than between_tokens is ended with an error event")
def _(t):
    upstream = t.upstream()
    timeouts = {"between_tokens": "200ms"}
    sluice = t.gateway(gateway.config([upstream.address], timeouts=timeouts))
    client = t.connect(sluice)
    backend = begin_stream(client, upstream=upstream)
    backend.send(chunk(event("a")))
    rest = client.read_to_end()
    assert event("a") in rest and b"\"code\":\"upstream_timeout\"" in rest and b"[DONE]" not in rest, rest
    backend.expect_end()
    assert sluice.access_log(1)[0]["error"] == "upstream_timeout"


@test("a backend whose first event does not come within first_content is answered with 504")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], timeouts={"first_content": "200ms"}))
    client = t.connect(sluice)
    backend = begin_stream(client, upstream=upstream)
    assert client.read_response().status == 504
    backend.expect_end()


@test("the total timeout ends a stream that never falls silent")
def _(t):
    def chatter(_, connection):
        connection.send(EVENTS_HEAD)
        while connection.is_open():
            connection.send(chunk(event("more")))

    backend = t.serving(chatter)
    sluice = t.gateway(gateway.config([backend.address], timeouts={
        "total": "300ms", "first_content": "300ms", "between_tokens": "300ms", "connect": "300ms"}))
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    rest = client.read_to_end()
    assert b"\"code\":\"deadline_exceeded\"" in rest and not rest.endswith(LAST_CHUNK), rest[-400:]
    sluice.wait_idle()


main()
