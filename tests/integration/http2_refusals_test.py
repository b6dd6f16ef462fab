#!/usr/bin/python3
"""HTTP/2 requests that must not reach a backend, or not whole: smuggling, splitting, forged fields.

What is refused is reset with PROTOCOL_ERROR, or answered with an error first (RFC 9113 8.1.1). In each case the next
good request is the first thing that the backend receives, byte by byte."""

import json

from harness import downstream, frames, gateway, header_blocks
from harness.abuse import Attacker
from harness.framing import BY_MODEL, TRACE_ID, forwarded, without_span
from harness.http import answer
from harness.suite import main, test

GOOD = [("x-request-id", "r"), ("traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01")]


def is_refused(client, stream):
    """Reads up to the end of the stream: a reset, or an error status of 4xx or 501 and then the end."""
    decoder, status = header_blocks.Decoder(), None
    while True:
        read = client.next_frame()
        assert read is not None and read.type != frames.GOAWAY, f"the connection ended: {client.history()}"
        if read.stream != stream:
            continue
        if read.type == frames.RST_STREAM:
            assert read.error == frames.PROTOCOL_ERROR or status is not None, client.history()
            return status
        if read.type == frames.HEADERS:
            status = int(dict(decoder.decode(read.content))[":status"])
            assert 400 <= status < 500 or status == 501, status
        if read.has(frames.END_STREAM):
            return status


def served_alone(client, upstream, protocol):
    """A good request on the same connection is the first thing that the backend receives."""
    stream = client.take_stream()
    fields = [(":method", "GET"), (":scheme", client.scheme), (":path", "/v1/good"), (":authority", "h"), *GOOD]
    client.send(frames.headers(stream, header_blocks.plain(fields), end=True))
    backend = upstream.accept()
    received = without_span(backend.read_request().raw)
    expected = forwarded("GET /v1/good", length=False).replace(
        b"x-forwarded-proto: http\r\n", b"x-forwarded-proto: %s\r\n" % protocol.scheme.encode())
    assert received.replace(b"via: 2 sluice", b"via: 1.1 sluice") == expected, received
    backend.send(answer(b"good"))
    while True:
        read = client.next_frame()
        assert read is not None, client.history()
        if read.type == frames.DATA and read.stream == stream:
            assert read.content == b"good", read.content
            break
    assert upstream.nobody_waits()


def refusal(sentence, fields, *, body=None, trailers=None, routes=None, status=None):
    """`fields` is the whole head, `:scheme` aside where it is None."""
    for protocol in downstream.HTTP2:

        @test(f"{sentence} ({protocol.name})")
        def _(t, protocol=protocol):
            upstream = t.upstream()
            sluice = t.gateway(gateway.config([upstream.address], listeners=[protocol.listener()], routes=routes))
            client = Attacker(downstream.connect(t, sluice.address, protocol), protocol.scheme)
            stream = client.take_stream()
            head = [(name, protocol.scheme if value is None else value) for name, value in fields]
            out = [frames.headers(stream, header_blocks.plain(head), end=body is None and trailers is None)]
            if body is not None:
                out.append(frames.data(stream, body, end=trailers is None))
            if trailers is not None:
                out.append(frames.headers(stream, header_blocks.plain(trailers), end=True))
            client.send(*out)
            answered = is_refused(client, stream)
            assert status is None or answered in (None, *status), answered
            served_alone(client, upstream, protocol)


def changed(**changes):
    """An ordinary GET with other pseudo-header fields."""
    wanted = {"method": "GET", "scheme": None, "path": "/v1/x", "authority": "h"} | changes
    return [(f":{name}", value) for name, value in wanted.items()]


def with_field(name, value, **changes):
    return [*changed(**changes), (name, value)]


# Bytes that would begin another line or another message in HTTP/1.1 (RFC 9113 8.2.1, 10.3) --------------------------

SPLIT = "x\r\nX-Smuggled: 1\r\n\r\nGET /v1/smuggled HTTP/1.1\r\nHost: h"
for what, text in {"CR LF": SPLIT, "LF": "x\nX-Smuggled: 1", "CR": "x\rX-Smuggled: 1", "NUL": "x\0y"}.items():
    refusal(f"{what} in a value is refused", with_field("x-a", text))
    refusal(f"{what} in a name is refused", with_field(f"x-a{text}", "b"))
    refusal(f"{what} in a cookie is refused", with_field("cookie", text))
    for pseudo in ("method", "scheme", "path", "authority"):
        value = {"method": "GET", "scheme": "http", "path": "/v1/x", "authority": "h"}[pseudo]
        refusal(f"{what} in :{pseudo} is refused", changed(**{pseudo: value + text}))
for what, name in {"upper case": "X-A", "a colon": "x:a", "a space": "x a", "no byte": "", "a control character": "x\x01",
                   "a byte above 0x7f": "x\xe9", "a bracket": "x(a)"}.items():
    refusal(f"a name with {what} is refused", with_field(name, "b"))
for what, value in {"a space in front": " b", "a space behind": "b ", "a tab in front": "\tb", "a tab behind": "b\t",
                    "DEL": "a\x7f", "an escape character": "\x1b[31m"}.items():
    refusal(f"a value with {what} is refused", with_field("x-a", value))

# Fields that frame or name the message ------------------------------------------------------------------------------

for name, value in (("transfer-encoding", "chunked"), ("transfer-encoding", "identity"), ("connection", "close"),
                    ("connection", "x-a"), ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
                    ("upgrade", "h2c"), ("te", "gzip"), ("te", "trailers, gzip")):
    refusal(f"{name}: {value} is refused", with_field(name, value))
for value in ("", "+2", "-2", "0x2", "2 2", "2,2", "2, 2", "1e1", "99999999999999999999999", "\xb2"):
    refusal(f"the content-length {value!r} is refused", with_field("content-length", value, method="POST"), body=b"{}")
refusal("two content-length fields that differ are refused",
        [*changed(method="POST"), ("content-length", "2"), ("content-length", "3")], body=b"{}")
for routes, how in ((None, "passed on as it comes"), (BY_MODEL, "read first")):
    if routes:
        body = json.dumps({"model": "tiny"}).encode()
        for said in (len(body) - 1, len(body) + 1, 0):
            refusal(f"a body of {len(body)} bytes with content-length {said} is refused where it is {how}",
                    with_field("content-length", str(said), method="POST"), body=body, routes=routes)
refusal("a content-length without a body is refused", with_field("content-length", "5", method="POST"))

refusal("Host that differs from :authority is refused", with_field("host", "other"))
refusal("two Host fields are refused", [*changed(), ("host", "h"), ("host", "h")])
for host in ("", "a b", "u@h", "h/x", "h?x", "h#x", "h:port", "h:1:2", "a,b", "[::1"):
    refusal(f"the authority {host!r} is refused", changed(authority=host))
refusal("a request without :authority and Host is refused", [f for f in changed() if f[0] != ":authority"])

for sentence, fields in {
        "an unknown pseudo-header field": with_field(":test", "x"),
        "a pseudo-header field behind the others": [changed()[0], ("x-a", "b"), *changed()[1:]],
        "two paths": with_field(":path", "/v1/y"),
        "two authorities": with_field(":authority", "other"),
        "an empty method": changed(method=""),
        "a method that is no token": changed(method="GE T"),
        "a method with a request line in it": changed(method="GET /v1/y HTTP/1.1"),
        "an empty scheme": changed(scheme=""),
        "a scheme with a path in it": changed(scheme="http://other/"),
        "extended CONNECT": [(":method", "CONNECT"), (":protocol", "websocket"), *changed()[1:]],
        "a path that is an absolute URI": changed(path="http://other/v1/x"),
        "a path without a slash": changed(path="v1/x"),
        "a path of OPTIONS only": changed(path="*"),
}.items():
    refusal(f"{sentence} is refused", fields)
refusal("CONNECT opens no tunnel", [(":method", "CONNECT"), (":authority", "h:443")], status=(405, 501))
refusal("TRACE echoes nothing", changed(method="TRACE"), status=(405, 501))
for path in ("/v1/x#f", "/v1/a b", "/v1/\x01", "/v1/\\x", "/v1/\xe9", "/v1/../x", "/v1/./x", "/v1/%2e%2e/x", "/v1/%2fx",
             "/v1/%5Cx", "//v1/x", "/v1//x", "/v1/..;a=b/x", "/v1/%00", "/v1/%zz", "/v1/%"):
    refusal(f"the path {path!r} is refused", changed(path=path))

# Trailers -----------------------------------------------------------------------------------------------------------

for sentence, trailers in {"a pseudo-header field": [(":path", "/v1/y")], "a name in upper case": [("X-A", "b")],
                           "CR LF in a value": [("x-a", SPLIT)], "a transfer-encoding": [("transfer-encoding", "chunked")],
                           "a connection field": [("connection", "close")]}.items():
    refusal(f"{sentence} among the trailers is refused where the body is read first", changed(method="POST"),
            body=b"{\"model\": \"tiny\"}", trailers=trailers, routes=BY_MODEL)


# Bodies that are passed on as they come -------------------------------------------------------------------------------


def live_refusal(sentence, first, then):
    """`then(client, stream)`: what follows once the backend has the request and b"abc" of its body."""
    for protocol in downstream.HTTP2:

        @test(f"{sentence} leaves the backend with an unfinished request ({protocol.name})")
        def _(t, protocol=protocol):
            upstream = t.upstream()
            sluice = t.gateway(gateway.config([upstream.address], listeners=[protocol.listener()]))
            client = Attacker(downstream.connect(t, sluice.address, protocol), protocol.scheme)
            stream = client.take_stream()
            head = [(name, protocol.scheme if value is None else value) for name, value in first]
            client.send(frames.headers(stream, header_blocks.plain(head)), frames.data(stream, b"abc"))
            backend = upstream.accept()
            backend.read_until(b"abc")
            client.send(then(client, stream))
            is_refused(client, stream)
            backend.read_to_end()
            raw = bytes(backend.received)
            assert b"SMUGGLED" not in raw and not raw.endswith(b"0\r\n\r\n"), raw
            sluice.wait_idle()
            assert sluice.endpoints()[upstream.address]["in_flight"] == 0


# Smaller ones are read whole before a backend hears of them.
LENGTH = 70_000


def longer(client, stream):
    """The rest of LENGTH bytes and some more, of which the stream's window has room for the first half."""
    client.send(*(frames.data(stream, b"x" * 10_000) for _ in range(4)))
    while True:
        read = client.next_frame()
        assert read is not None, client.history()
        if read.type == frames.WINDOW_UPDATE and read.stream == stream:
            break
    return b"".join(frames.data(stream, b"x" * size) for size in (10_000, 10_000, 9_997)) + frames.data(
        stream, b"SMUGGLED", end=True)


live_refusal("a body longer than its content-length", with_field("content-length", str(LENGTH), method="POST"),
             longer)
live_refusal("a body shorter than its content-length", with_field("content-length", str(LENGTH), method="POST"),
             lambda _, s: frames.data(s, b"", end=True))
live_refusal("a pseudo-header field among the trailers", changed(method="POST"),
             lambda _, s: frames.headers(s, header_blocks.plain([(":path", "/SMUGGLED")]), end=True))
live_refusal("a second head in the middle of a body", changed(method="POST"),
             lambda _, s: frames.headers(s, header_blocks.plain([("x-a", "SMUGGLED")])))

main()
