#!/usr/bin/python3
"""HTTP/1.1 answers of odd or broken backends: what the client gets of them, and that nobody else gets any of it."""

from harness import gateway
from harness.framing import head
from harness.http import answer, chunk, openai_error
from harness.suite import main, test


# Answers -------------------------------------------------------------------------------------------------------


def exchange(t, backend_sends, raw=None, **options):
    """One request; the backend's connection, the client and the gateway while the answer is on its way."""
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}, **options))
    client = t.connect(sluice)
    client.send(raw or head("GET /v1/x HTTP/1.1"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(backend_sends)
    return upstream, sluice, client, backend


BAD_ANSWERS = {
    "Content-Length beside Transfer-Encoding": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two Content-Length fields": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "a signed Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    "a Content-Length list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
    "an empty Content-Length": b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
    "an unknown transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a version other than HTTP/1": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a status line that is none": b"garbage\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status above 599": b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
    "bare LF line ends": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a bare CR in a value": b"HTTP/1.1 200 OK\r\nX-A: b\rX-B: c\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: b\0\r\nContent-Length: 0\r\n\r\n",
    "an empty name": b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000,
    "101 Switching Protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 102 Processing\r\n\r\n" * 100,
}


def bad_answer(fault, raw):
    @test(f"an answer with {fault} becomes 502 and the backend's connection is closed")
    def _(t):
        upstream, sluice, client, backend = exchange(t, raw)
        answered = client.read_response()
        assert answered.status == 502, answered.raw
        assert openai_error(answered)["code"] == "upstream_malformed"
        assert answered.get("connection") is None, "the client's connection is sound"
        backend.expect_end()
        line = sluice.access_log(1)[0]
        assert (line["status"], line["fault"]) == (502, "upstream"), line
        client.send(head("GET /v1/good HTTP/1.1"))
        fresh = upstream.accept()
        fresh.read_request()
        fresh.send(answer(b"good"))
        assert client.read_response().body == b"good"


for fault, framed in BAD_ANSWERS.items():
    bad_answer(fault, framed)


@test("interim answers of a backend do not reach the client, its final answer does")
def _(t):
    _, _, client, _ = exchange(t, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"ok"))
    answered = client.read_response()
    assert answered.status == 200 and answered.body == b"ok", answered


@test("the answer's fields pass with ours behind them, hop-by-hop fields do not")
def _(t):
    _, _, client, _ = exchange(t, b"HTTP/1.1 201 Whatever\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                  b"Connection: X-Named\r\nX-Named: n\r\nKeep-Alive: timeout=5\r\nX-A: \xe9\r\n"
                                  b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nX-Request-Id: theirs\r\n"
                                  b"Content-Length: 2\r\n\r\nok")
    answered = client.read_response()
    assert answered.raw == (b"HTTP/1.1 201 Created\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-A: \xe9\r\n"
                            b"Set-Cookie: a=b\r\nSet-Cookie: c=d\r\nx-request-id: r\r\nvia: 1.1 sluice\r\n"
                            b"content-length: 2\r\n\r\nok"), answered.raw


@test("an answer without a length that ends by closing reaches the client as chunks")
def _(t):
    _, _, client, backend = exchange(t, b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert client.read_head().get("transfer-encoding") == "chunked"
    backend.send(b"def")
    backend.leave()
    raw = client.read_until(b"0\r\n\r\n")
    assert raw.replace(b"6\r\nabcdef", b"3\r\nabc\r\n3\r\ndef") == chunk(b"abc") + chunk(b"def") + b"0\r\n\r\n", raw


@test("the answer to HEAD has the length of the body and no body, and both connections live on")
def _(t):
    upstream, _, client, backend = exchange(t, b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
                                            head("HEAD /v1/x HTTP/1.1"))
    answered = client.read_response(to_head=True)
    assert answered.get("content-length") == "500" and answered.get("connection") is None, answered
    client.send(head("GET /v1/good HTTP/1.1"))
    backend.read_request()
    backend.send(answer(b"good"))
    assert client.read_response().body == b"good"


def bodyless(name, raw, asked, to_head):
    @test(f"a body that a backend wrongly sends with {name} reaches nobody")
    def _(t):
        upstream, sluice, client, backend = exchange(t, raw, asked)
        answered = client.read_response(to_head=to_head)
        assert answered.status == int(raw.split(b" ")[1]), answered
        backend.expect_end()
        client.send(head("GET /v1/good HTTP/1.1"))
        fresh = upstream.accept()
        fresh.read_request()
        fresh.send(answer(b"good"))
        assert client.read_response().raw.endswith(b"\r\n\r\ngood")
        assert b"SMUGGLED" not in client.received


SMUGGLED = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED"
bodyless("the answer to HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
         head("HEAD /v1/x HTTP/1.1"), True)
bodyless("204", b"HTTP/1.1 204 No Content\r\n\r\n" + SMUGGLED, head("GET /v1/x HTTP/1.1"), False)
bodyless("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 8\r\n\r\n" + SMUGGLED, head("GET /v1/x HTTP/1.1"), False)
bodyless("more bytes than its Content-Length", answer(b"ok") + SMUGGLED, head("GET /v1/x HTTP/1.1"), False)
bodyless("bytes behind its last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
         head("GET /v1/x HTTP/1.1"), False)


@test("bytes that a backend sends while nothing is asked of it reach nobody")
def _(t):
    upstream, sluice, client, backend = exchange(t, answer(b"ok"))
    assert client.read_response().body == b"ok"
    backend.send(SMUGGLED)
    backend.expect_end()
    client.send(head("GET /v1/good HTTP/1.1"))
    fresh = upstream.accept()
    fresh.read_request()
    fresh.send(answer(b"good"))
    assert client.read_response().body == b"good"


def cut(name, raw):
    @test(f"an answer cut {name} reaches the client as a visibly unfinished one")
    def _(t):
        _, sluice, client, backend = exchange(t, raw)
        answered = client.read_head()
        client.read_until(b"abc")
        backend.leave()
        rest = client.read_to_end()
        assert answered.status == 200 and b"0\r\n\r\n" not in rest and b"error" not in rest, rest
        line = sluice.access_log(1)[0]
        assert (line["status"], line["error"]) == (200, "upstream_cut"), line


cut("before its Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
cut("before its last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc"))
cut("inside a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")


@test("a chunk fault in an answer under way cuts it")
def _(t):
    _, sluice, client, backend = exchange(t, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc"))
    client.read_head()
    client.read_until(b"abc")
    backend.send(b"nonsense\r\n")
    assert b"0\r\n\r\n" not in client.read_to_end()
    backend.expect_end()
    assert sluice.access_log(1)[0]["error"] == "upstream_malformed"


@test("an answer that comes before the request's body is whole is relayed, and neither connection is used again")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + chunk(b"abc"))
    backend = upstream.accept()
    backend.read_until(b"abc\r\n")
    backend.send(answer(b"too much", status="413 Content Too Large"))
    answered = client.read_response()
    assert answered.status == 413 and answered.body == b"too much" and answered.get("connection") == "close", answered
    backend.expect_end()
    client.expect_end()
    sluice.wait_idle()


@test("a backend that closes without an answer becomes 502")
def _(t):
    _, sluice, client, backend = exchange(t, b"")
    backend.leave()
    assert openai_error(client.read_response())["code"] == "upstream_reset"


main()
