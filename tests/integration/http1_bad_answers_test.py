#!/usr/bin/python3
"""Backends whose answers two parsers could frame in two ways, that answer unasked, early or in part: the client gets an
error or a visible cut, the connection is closed, and nobody ever gets what stands behind."""

import contextlib
import itertools

from harness import gateway
from harness.framing import forwarded, head, without_span
from harness.http import DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, openai_error, request
from harness.suite import main, test

GET = head("GET /v1/x HTTP/1.1")
BEHIND = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"
CONTROLS = [*range(0x20), 0x7f]


def serve_good(upstream, client):
    """The next request on the client's connection is served over a fresh one, with nothing left of what was before."""
    client.send(head("GET /v1/good HTTP/1.1"))
    backend = upstream.accept()
    got = without_span(backend.read_request().raw)
    assert got == forwarded("GET /v1/good", length=False), got
    backend.send(answer(b"good"))
    answered = client.read_response()
    assert answered.status == 200 and answered.body == b"good", answered.raw
    assert b"SMUGGLED" not in client.received
    return backend


def becomes_502(sentence, answers, asked=GET, to_head=False):
    """Each answer (what it is -> its bytes) becomes 502; its connection is closed, the client's is not."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}))
        client = t.connect(sluice)
        backend = None
        for what, raw in answers.items():
            client.send(asked)
            if backend is None:
                backend = upstream.accept()
            backend.read_request()
            with contextlib.suppress(OSError):  # it may be cut before it has said all
                backend.send(raw + BEHIND)
            answered = client.read_response(to_head=to_head)
            assert answered.status == 502 and answered.get("connection") is None, (what, raw, answered.raw)
            if not to_head:
                assert openai_error(answered)["code"] == "upstream_malformed", (what, answered.raw)
            backend.expect_end()
            backend = serve_good(upstream, client)
        lines = sluice.access_log(2 * len(answers))
        assert all(line["fault"] == "upstream" for line in lines if line["status"] == 502), lines
        assert sum(line["status"] == 502 for line in lines) == len(answers), lines


# Two lengths -----------------------------------------------------------------------------------------------------------

LENGTHS = ("Content-Length: 5", "content-length:0", "Content-Length: 5, 5", "Content-Length: -5", "Content-Length:")
CODINGS = ("Transfer-Encoding: chunked", "transfer-encoding:CHUNKED", "Transfer-Encoding: identity",
           "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding:")


def raw_answer(*lines, status="200 OK", version="HTTP/1.1", body=b"0\r\n\r\n"):
    return "\r\n".join([f"{version} {status}", *lines]).encode("latin-1") + b"\r\n\r\n" + body


def mixtures(**options):
    for coding, length in itertools.product(CODINGS, LENGTHS):
        for lines in ((coding, length), (length, coding)):
            yield f"{lines}", raw_answer(*lines, **options)
    for pairs in (itertools.product(LENGTHS, LENGTHS), itertools.product(CODINGS, CODINGS)):
        for lines in pairs:
            yield f"{lines}", raw_answer(*lines, **options)


becomes_502("every mixture of lengths and codings in an answer becomes 502", dict(mixtures()))
becomes_502("every mixture of lengths and codings in an answer of HTTP/1.0 becomes 502", dict(mixtures(version="HTTP/1.0")))
becomes_502("every mixture of lengths and codings becomes 502 also where the status has no body", dict(mixtures(status="304 Not Modified")))
becomes_502("every mixture of lengths and codings in the answer to HEAD becomes 502", dict(mixtures()),
            head("HEAD /v1/x HTTP/1.1"), to_head=True)
becomes_502("a Content-Length of an answer that is no plain number becomes 502", {
    value: raw_answer(f"Content-Length: {value}", body=b"ab") for value in (
        "+2", "-2", "2 2", "2,2", "2, 2", "0x2", "2.0", "1e1", "\"2\"", "", "2;2", "\xb2", "18446744073709551618", "9" * 300)})
becomes_502("a Transfer-Encoding of an answer that is not chunked, alone and once, becomes 502", {
    value: raw_answer(f"Transfer-Encoding: {value}") for value in (
        "xchunked", "gzip", "gzip, chunked", "chunked, chunked", "chunked, identity", "chunked,", ",chunked", "chunked;q=1",
        "\"chunked\"", "\x0bchunked", "chunked\x0b", "chunked\0")})

# Heads -------------------------------------------------------------------------------------------------------------------

AT = {
    "in front of the version": b"%sHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "in the version": b"HTTP/1%s.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "in the status": b"HTTP/1.1 2%s00 OK\r\nContent-Length: 0\r\n\r\n",
    "in place of a blank": b"HTTP/1.1%s200 OK\r\nContent-Length: 0\r\n\r\n",
    "in the reason": b"HTTP/1.1 200 O%sK\r\nContent-Length: 0\r\n\r\n",
    "in front of a name": b"HTTP/1.1 200 OK\r\n%sX-A: b\r\nContent-Length: 0\r\n\r\n",
    "in a name": b"HTTP/1.1 200 OK\r\nX-%sA: b\r\nContent-Length: 0\r\n\r\n",
    "in a value": b"HTTP/1.1 200 OK\r\nX-A: b%sc\r\nContent-Length: 0\r\n\r\n",
    "in a cookie": b"HTTP/1.1 200 OK\r\nSet-Cookie: b=%sc\r\nContent-Length: 0\r\n\r\n",
    "in the length": b"HTTP/1.1 200 OK\r\nContent-Length: 0%s0\r\n\r\n",
    "in place of a CR": b"HTTP/1.1 200 OK\r\nX-A: b%s\nContent-Length: 0\r\n\r\n",
}
SOUND = {("in the reason", 0x09), ("in a value", 0x09), ("in a cookie", 0x09), ("in place of a CR", 0x0d)}
for place, template in AT.items():
    becomes_502(f"every control character {place} of an answer becomes 502",
                {f"0x{code:02x}": template.replace(b"%s", bytes([code])) for code in CONTROLS if (place, code) not in SOUND})
becomes_502("heads that are none, or too long, become 502", {
    "a folded line": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a line without a colon": b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 0\r\n\r\n",
    "an empty name": b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
    "a second status line": b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no version": b"200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"hello\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "a status of 000": b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of 099": b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of 600": b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
    "a negative status": b"HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n",
    "a hexadecimal status": b"HTTP/1.1 0xC8 OK\r\nContent-Length: 0\r\n\r\n",
    "a reason without end": b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "a value without end": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 2000 + b"Content-Length: 0\r\n\r\n",
})

# Interim answers ------------------------------------------------------------------------------------------------------------

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: a=SMUGGLED\r\n\r\n"


@test("eight interim answers in front of the final one reach nobody, and do no harm")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_request()
    backend.send(HINTS * 8 + answer(b"ok"))
    answered = client.read_response()
    assert answered.status == 200 and answered.body == b"ok" and b"SMUGGLED" not in client.received, client.received


becomes_502("interim answers beyond eight, switches and interim answers with a body become 502", {
    "nine": HINTS * 9 + answer(b"ok"),
    "ten thousand": HINTS * 10_000,
    "100 without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "101 behind 103": HINTS + b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "103 with content": b"HTTP/1.1 103 Early Hints\r\nContent-Length: 8\r\n\r\nSMUGGLED",
})

# Bodies --------------------------------------------------------------------------------------------------------------------

BAD_CHUNKS = {
    **{f"the size {size!r}": size + b"\r\nab\r\n0\r\n\r\n" for size in (
        b"", b"g", b"-2", b"+2", b"0x2", b"2 2", b" 2", b"ffffffffffffffff", b"10000000000000002", b"f" * 100)},
    "a bare LF behind the size": b"2\nab\r\n0\r\n\r\n",
    "a bare CR behind the size": b"2\rab\r\n0\r\n\r\n",
    "a bare LF in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "an extension without end": b"2;" + b"a" * 20_000 + b"\r\nab\r\n0\r\n\r\n",
    "a bare LF behind the data": b"2\r\nab\n0\r\n\r\n",
    "data longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "an answer in place of the trailers": b"2\r\nab\r\n0\r\n" + BEHIND,
    "a Content-Length among the trailers": b"2\r\nab\r\n0\r\nContent-Length: 8\r\n\r\nSMUGGLED",
    "trailers without end": b"2\r\nab\r\n0\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
}


@test("every chunk of an answer that is not one cuts the answer, without a last chunk")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    for what, raw in BAD_CHUNKS.items():
        client = t.connect(sluice)
        client.send(GET)
        backend = upstream.accept()
        backend.read_request()
        backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc"))
        assert client.read_head().status == 200
        client.read_until(b"abc\r\n")
        backend.send(raw)
        rest = client.read_to_end()
        assert rest in (b"", chunk(b"ab")), (what, rest)
        backend.expect_end()
    lines = sluice.access_log(len(BAD_CHUNKS))
    assert all((line["status"], line["error"]) == (200, "upstream_malformed") for line in lines), lines


@test("extensions of an answer reach nobody, its trailers stay behind the body, without those that mean something in a head")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2;SMUGGLED=\"x\"\r\nab\r\n0;SMUGGLED\r\n"
                 b"X-A: kept\r\n" + b"".join(b"%s: SMUGGLED\r\n" % name for name in (
                     b"Set-Cookie", b"Connection", b"Content-Type", b"Content-Encoding", b"Trailer", b"Upgrade", b"Keep-Alive",
                     b"Authorization", b"TE")) + b"\r\n")
    answered = client.read_response()
    assert answered.body == b"ab" and answered.raw.endswith(b"\r\n\r\n2\r\nab\r\n0\r\nX-A: kept\r\n\r\n"), answered.raw
    assert b"SMUGGLED" not in client.received and answered.get("x-a") is None and answered.get("trailer") is None


BODYLESS = {
    "the answer to HEAD with a length": (head("HEAD /v1/x HTTP/1.1"), raw_answer("Content-Length: 8", body=b"SMUGGLED")),
    "the answer to HEAD in chunks": (head("HEAD /v1/x HTTP/1.1"), raw_answer("Transfer-Encoding: chunked", body=chunk(b"SMUGGLED") + LAST_CHUNK)),
    "the answer to HEAD without a length": (head("HEAD /v1/x HTTP/1.1"), raw_answer(body=b"SMUGGLED")),
    "204 with a length": (GET, raw_answer("Content-Length: 8", status="204 No Content", body=b"SMUGGLED")),
    "204 in chunks": (GET, raw_answer("Transfer-Encoding: chunked", status="204 No Content", body=chunk(b"SMUGGLED") + LAST_CHUNK)),
    "204 and another answer": (GET, raw_answer(status="204 No Content", body=BEHIND)),
    "304 with a length": (GET, raw_answer("Content-Length: 8", status="304 Not Modified", body=b"SMUGGLED")),
    "304 in chunks": (GET, raw_answer("Transfer-Encoding: chunked", status="304 Not Modified", body=chunk(b"SMUGGLED") + LAST_CHUNK)),
    "an answer and another one": (GET, answer(b"ok") + BEHIND),
    "an empty answer and another one": (GET, answer(b"") + BEHIND),
    "an answer and a line end": (GET, answer(b"ok") + b"\r\n"),
    "an answer in chunks and another one": (GET, raw_answer("Transfer-Encoding: chunked", body=LAST_CHUNK + BEHIND)),
    "an answer and an interim one": (GET, answer(b"ok") + HINTS),
}
for what, (asked, raw) in BODYLESS.items():

    @test(f"what stands behind {what} reaches nobody, and its connection is not used again")
    def _(t, asked=asked, raw=raw):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(asked)
        backend = upstream.accept()
        backend.read_request()
        backend.send(raw)
        answered = client.read_response(to_head=asked.startswith(b"HEAD"))
        assert answered.status == int(raw.split(b" ")[1]) and b"SMUGGLED" not in answered.raw, answered.raw
        backend.expect_end()
        fresh = serve_good(upstream, client)
        # And that one is sound: the next client's request goes over it.
        other = t.connect(sluice)
        other.send(head("GET /v1/good HTTP/1.1"))
        fresh.read_request()
        fresh.send(answer(b"other"))
        assert other.read_response().body == b"other"


@test("an answer that a backend gives before it is asked is nobody's: that connection is not used")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], pool={"prewarm": 1}))
    backend = upstream.accept()
    backend.send(BEHIND)
    backend.expect_end()
    fresh = upstream.accept()
    client = t.connect(sluice)
    client.send(GET)
    assert without_span(fresh.read_request().raw) == forwarded("GET /v1/x", length=False)
    fresh.send(answer(b"ok"))
    assert client.read_response().body == b"ok" and b"SMUGGLED" not in client.received


# Answers that come early, or in part ----------------------------------------------------------------------------------------

EARLY = {
    "a length": (["Content-Length: 1000000"], b"a" * 1000),
    "chunks": (["Transfer-Encoding: chunked"], chunk(b"a" * 1000)),
}
for how, (framing, begun) in EARLY.items():

    @test(f"a connection that is owed the rest of a body with {how} serves nobody after an early answer")
    def _(t, framing=framing, begun=begun):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(head("POST /v1/x HTTP/1.1", *framing) + begun)
        backend = upstream.accept()
        backend.read_until(b"a" * 1000)
        backend.send(answer(b"early", status="200 OK"))
        answered = client.read_response()
        assert answered.body == b"early" and answered.get("connection") == "close", answered.raw
        # What still comes is no request, here as there.
        try:
            client.send(head("GET /v1/SMUGGLED HTTP/1.1"))
        except OSError:
            pass  # the gateway was faster
        client.expect_end()
        rest = backend.read_to_end()
        assert b"HTTP/1.1" not in rest and not rest.endswith(LAST_CHUNK), rest
        serve_good(upstream, t.connect(sluice))


def cut_everywhere(name, whole, content, complete_from):
    """`whole` is cut behind each of its bytes; from `complete_from` on it is whole."""
    @test(f"{name} that is cut behind any byte reaches the client as an error or a visible cut, never as a whole one")
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}))
        for size in range(complete_from):
            client = t.connect(sluice)
            client.send(request(body=chat(stream=True)))
            backend = upstream.accept()
            backend.read_request()
            backend.send(whole[:size])
            backend.leave()
            begun = client.read_head()
            if begun.status == 502:
                client.read_exactly(int(begun.get("content-length")))
            else:
                assert begun.status == 200, (size, begun.raw)
                got = client.read_to_end()
                assert not got.endswith(LAST_CHUNK) and b"[DONE]" not in got, (size, got)
                if begun.get("content-length"):
                    assert len(got) < int(begun.get("content-length")) and content.startswith(got), (size, got)
            client.leave()
        serve_good(upstream, t.connect(sluice))
        lines = sluice.access_log(complete_from + 1)
        assert all(line.get("error") in ("upstream_cut", "upstream_reset") for line in lines[:-1]), lines


CONTENT = b"{\"id\":\"c\",\"choices\":[]}"
EVENTS = event("a") + event("b") + DONE
cut_everywhere("an answer with a length", answer(CONTENT), CONTENT, len(answer(CONTENT)))
STREAM = EVENTS_HEAD + chunk(EVENTS[:40]) + chunk(EVENTS[40:-len(DONE)])
cut_everywhere("a stream", STREAM, b"", len(STREAM) + 1)


main()
