#!/usr/bin/python3
"""HTTP/1.1 requests that two parsers could read in two ways, or that cost too much: refused before a backend sees them.

Each refusal is checked for the client's answer, the end of its connection, and that the backend received nothing
of it: the first bytes that the backend ever gets are those of a well-formed request sent afterwards."""

from harness import gateway, process
from harness.framing import BY_MODEL, check_alone_upstream, forwarded, head, without_span
from harness.http import answer, chat, chunk, openai_error, request
from harness.suite import main, test


def refusal(sentence, raw, status, **options):
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], **options))
        client = t.connect(sluice)
        client.send(raw)
        refused = client.read_response()
        wanted = status if isinstance(status, tuple) else (status,)
        assert refused.status in wanted, refused.raw
        openai_error(refused)
        assert refused.get("connection") == "close", refused.raw
        client.expect_end()
        line = sluice.access_log(1)[0]
        assert line["status"] == refused.status and line["fault"] == "downstream", line
        check_alone_upstream(t, upstream, sluice)


# Two lengths ---------------------------------------------------------------------------------------------------

refusal("Content-Length beside Transfer-Encoding is refused",
        head("POST /v1/x HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\nG", 400)
refusal("Transfer-Encoding before Content-Length is refused",
        head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\nG", 400)
refusal("two Transfer-Encoding fields are refused",
        head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400)
refusal("Transfer-Encoding in HTTP/1.0 is refused",
        head("POST /v1/x HTTP/1.0", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400)
for coding in ("xchunked", "gzip, chunked", "chunked, chunked", "chunked, identity", "identity", "chunked;q=1", "",
               "\"chunked\"", "chunked,", ",chunked"):
    refusal(f"the transfer coding {coding!r} is refused",
            head("POST /v1/x HTTP/1.1", f"Transfer-Encoding: {coding}") + b"0\r\n\r\n", (400, 501))
refusal("a transfer coding behind a control character is refused",
        head("POST /v1/x HTTP/1.1", "Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n", 400)
for length in ("+2", "-2", "2 2", "0x2", "", "2,2", "2, 2", "2.0", "1e1", "18446744073709551618",
               "99999999999999999999999", "\"2\"", "\xb2"):
    refusal(f"the Content-Length {length!r} is refused",
            head("POST /v1/x HTTP/1.1", f"Content-Length: {length}") + b"{}", 400)
refusal("two different Content-Length fields are refused",
        head("POST /v1/x HTTP/1.1", "Content-Length: 2", "Content-Length: 3") + b"{}x", 400)
refusal("two equal Content-Length fields are refused",
        head("POST /v1/x HTTP/1.1", "Content-Length: 2", "Content-Length: 2") + b"{}", 400)

# Lines and fields ----------------------------------------------------------------------------------------------

refusal("a space before the colon is refused", head("GET /v1/x HTTP/1.1", "Content-Length : 2"), 400)
refusal("a tab before the colon is refused", head("GET /v1/x HTTP/1.1", "Transfer-Encoding\t: chunked"), 400)
refusal("a folded line is refused", head("GET /v1/x HTTP/1.1", "X-A: b", " c: d"), 400)
refusal("a first header line that begins with a space is refused",
        b"GET /v1/x HTTP/1.1\r\n Host: h\r\n\r\n", 400)
refusal("a bare LF behind the request line is refused", b"GET /v1/x HTTP/1.1\nHost: h\r\n\r\n", 400)
refusal("a bare LF behind a field is refused", b"GET /v1/x HTTP/1.1\r\nHost: h\nX-A: b\r\n\r\n", 400)
refusal("a bare LF as the head's end is refused", b"GET /v1/x HTTP/1.1\r\nHost: h\r\n\n", 400)
refusal("a bare CR in a value is refused", head("GET /v1/x HTTP/1.1", "X-A: b\rX-B: c"), 400)
refusal("a bare CR in a name is refused", head("GET /v1/x HTTP/1.1", "X\r-A: b"), 400)
refusal("a NUL in a value is refused", head("GET /v1/x HTTP/1.1", "X-A: b\0c"), 400)
refusal("a NUL in a name is refused", head("GET /v1/x HTTP/1.1", "X-A\0: b"), 400)
refusal("a DEL in a value is refused", head("GET /v1/x HTTP/1.1", "X-A: b\x7f"), 400)
refusal("an escape character in a value is refused", head("GET /v1/x HTTP/1.1", "X-A: \x1b[31m"), 400)
refusal("an empty name is refused", head("GET /v1/x HTTP/1.1", ": b"), 400)
refusal("a line without a colon is refused", head("GET /v1/x HTTP/1.1", "X-A"), 400)
refusal("a space inside a name is refused", head("GET /v1/x HTTP/1.1", "X A: b"), 400)
refusal("a non-ASCII name is refused", head("GET /v1/x HTTP/1.1", "X-\xc4: b"), 400)
refusal("a name in brackets is refused", head("GET /v1/x HTTP/1.1", "X(A): b"), 400)

# Request line --------------------------------------------------------------------------------------------------

refusal("a request line without a version is refused", b"GET /v1/x\r\nHost: h\r\n\r\n", 400)
refusal("a version in lower case is refused", head("GET /v1/x http/1.1"), 400)
refusal("HTTP/2's preface is refused where HTTP/2 is off", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505,
        listeners=[{"name": "public", "address": "127.0.0.1:0", "http": {"max_streams": 0}}])
refusal("HTTP/0.9 is refused", head("GET /v1/x HTTP/0.9"), 505)
refusal("a version of two digits is refused", head("GET /v1/x HTTP/1.10"), 400)
refusal("a blank behind the version is refused", head("GET /v1/x HTTP/1.1 "), 400)
refusal("two blanks before the target are refused", head("GET  /v1/x HTTP/1.1"), 400)
refusal("a tab in the request line is refused", head("GET\t/v1/x\tHTTP/1.1"), 400)
refusal("CONNECT opens no tunnel", head("CONNECT h:443 HTTP/1.1"), (405, 501))
refusal("TRACE echoes nothing", head("TRACE /v1/x HTTP/1.1"), (405, 501))
refusal("a method in lower case is refused", head("get /v1/x HTTP/1.1"), (400, 405, 501))
refusal("an unknown method is refused", head("BREW /v1/x HTTP/1.1"), (405, 501))
refusal("a method that is no token is refused", head("GE(T /v1/x HTTP/1.1"), 400)

for target in ("/v1/x#f", "/v1/a b", "/v1/\x01", "/v1/\\x", "/v1/\xe9", "/v1/../x", "/v1/./x", "/v1/..", "/v1/%2e%2e/x",
               "/v1/.%2E/x", "/v1/%2fx", "/v1/%5Cx", "//v1/x", "/v1//x", "/v1/..;a=b/x", "/v1/%00", "/v1/%zz", "/v1/%2",
               "/v1/%", "v1/x", "ftp://h/v1/x", "http://", "http://u@h/v1/x", "http://h:port/v1/x", "?x"):
    refusal(f"the target {target!r} is refused", head(f"GET {target} HTTP/1.1"), 400)

# Host ----------------------------------------------------------------------------------------------------------

refusal("a request without Host is refused", head("GET /v1/x HTTP/1.1", host=None), 400)
refusal("two Host fields are refused", head("GET /v1/x HTTP/1.1", "Host: h"), 400)
for host in ("", "a b", "a/b", "u@h", "h:port", "h:1:2", "a,b", "h:123456", "[::1", "h?x", "h#x", "\xe9"):
    refusal(f"the Host {host!r} is refused", head("GET /v1/x HTTP/1.1", host=host), 400)

# Sizes ---------------------------------------------------------------------------------------------------------

refusal("a target longer than max_uri_bytes is answered with 414",
        head("GET /" + "a" * 9000 + " HTTP/1.1"), 414)
refusal("a target without end is answered with 414 before its end", b"GET /" + b"a" * 20_000, 414)
refusal("more fields than max_headers are answered with 431",
        head("GET /v1/x HTTP/1.1", *(f"X-{i}: v" for i in range(120))), 431)
refusal("a head longer than max_head_bytes is answered with 431",
        head("GET /v1/x HTTP/1.1", "X-A: " + "a" * 40_000), 431)
refusal("a head longer than max_head_bytes is answered with 431 before its end",
        b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 40_000, 431)
refusal("a Content-Length above max_body_bytes is answered with 413",
        head("POST /v1/x HTTP/1.1", "Content-Length: 1001"), 413, http={"max_body_bytes": "1000B"})
refusal("a Content-Length above max_body_bytes is answered with 413 also where the body is read first",
        head("POST /v1/x HTTP/1.1", "Content-Length: 1001"), 413, http={"max_body_bytes": "1000B"}, routes=BY_MODEL)
refusal("a Content-Length far above max_body_bytes bothers no backend",
        head("POST /v1/x HTTP/1.1", "Content-Length: 500000000"), 413)
refusal("a Content-Length of 19 digits is too large, not negative",
        head("POST /v1/x HTTP/1.1", "Content-Length: 9999999999999999999"), (400, 413))
refusal("a chunked body above max_body_bytes is answered with 413",
        head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + chunk(b"x" * 1001), 413,
        http={"max_body_bytes": "1000B"}, routes=BY_MODEL)
refusal("a body above the limit is not asked for with 100 Continue",
        head("POST /v1/x HTTP/1.1", "Content-Length: 1001", "Expect: 100-continue"), 413,
        http={"max_body_bytes": "1000B"})
refusal("an unknown expectation is answered with 417",
        head("POST /v1/x HTTP/1.1", "Content-Length: 2", "Expect: a-miracle") + b"{}", 417)

# Chunks --------------------------------------------------------------------------------------------------------

BAD_CHUNKS = {
    "a chunk size that is not hexadecimal": b"zz\r\nab\r\n0\r\n\r\n",
    "an empty chunk size": b"\r\nab\r\n0\r\n\r\n",
    "a chunk size with a sign": b"+2\r\nab\r\n0\r\n\r\n",
    "a chunk size with 0x": b"0x2\r\nab\r\n0\r\n\r\n",
    "a chunk size behind a blank": b" 2\r\nab\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"10000000000000002\r\nab\r\n0\r\n\r\n",
    "a chunk size with many zeros": b"0" * 40 + b"2\r\nab\r\n0\r\n\r\n",
    "a chunk size line that ends with a bare LF": b"2\nab\r\n0\r\n\r\n",
    "a chunk size line that ends with a bare CR": b"2\rab\r\n0\r\n\r\n",
    "a chunk longer than its size": b"2\r\nabc\r\n0\r\n\r\n",
    "a chunk that ends with a bare LF": b"2\r\nab\n0\r\n\r\n",
    "a chunk extension with a bare LF": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "a chunk extension with a control character": b"2;a\x01\r\nab\r\n0\r\n\r\n",
    "chunk extensions without end": b"2;" + b"a" * 20_000 + b"\r\nab\r\n0\r\n\r\n",
    "many chunk extensions": b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n" * 1000 + b"0\r\n\r\n",
    "a trailer line without a colon": b"2\r\nab\r\n0\r\nabc\r\n\r\n",
    "a trailer with a space before the colon": b"2\r\nab\r\n0\r\nX-A : b\r\n\r\n",
    "a trailer with a bare LF": b"2\r\nab\r\n0\r\nX-A: b\n\r\n",
    "a Content-Length among the trailers": b"2\r\nab\r\n0\r\nContent-Length: 3\r\n\r\n",
    "a Transfer-Encoding among the trailers": b"2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a Host among the trailers": b"2\r\nab\r\n0\r\nHost: evil\r\n\r\n",
    "trailers without end": b"2\r\nab\r\n0\r\nX-A: " + b"b" * 40_000 + b"\r\n\r\n",
}
for fault, framed in BAD_CHUNKS.items():
    refusal(f"{fault} is refused before anything reaches the backend",
            head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + framed, (400, 413, 431), routes=BY_MODEL)


def live_refusal(fault, framed):
    @test(f"{fault} in a body that is passed on as it comes leaves the backend with an unfinished request")
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + framed)
        refused = client.read_response()
        assert refused.status in (400, 413, 431), refused.raw
        openai_error(refused)
        client.expect_end()
        if not upstream.nobody_waits():
            process.wait_until(lambda: not sluice.streams(), "the exchange has ended")
        sluice.wait_idle()
        assert sluice.endpoints()[upstream.address]["in_flight"] == 0


for fault, framed in BAD_CHUNKS.items():
    live_refusal(fault, framed)


@test("a chunk fault in the middle of a body that is passed on cuts the backend's connection without a last chunk")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + chunk(b"abc"))
    backend = upstream.accept()
    backend.read_until(b"abc\r\n")
    client.send(b"nonsense\r\n")
    assert client.read_response().status == 400
    client.expect_end()
    backend.expect_end()
    assert without_span(bytes(backend.received)) == forwarded("POST /v1/x", chunked=True) + chunk(b"abc")
    sluice.wait_idle()


# Time ----------------------------------------------------------------------------------------------------------


def send_until_closed(client, piece):
    """Sends a little now and then, as slow attackers do, until the gateway ends the connection."""
    def closed():
        try:
            client.send(piece)
        except OSError:
            return True
        return not client.is_open() or client.received
    process.wait_until(closed, "the gateway has had enough")


@test("a head that never ends is given up after head_timeout however busily it arrives")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"head_timeout": "200ms", "max_headers": 10000,
                                                                "max_head_bytes": "64KiB"}))
    client = t.connect(sluice)
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: h\r\n")
    send_until_closed(client, b"X-A: b\r\n")
    check_alone_upstream(t, upstream, sluice)


@test("a head that stops is answered with 408 after head_timeout")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"head_timeout": "200ms"}))
    client = t.connect(sluice)
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: h\r\n")
    answered = client.read_response()
    assert answered.status == 408 and openai_error(answered)["code"] == "request_timeout", answered
    client.expect_end()


@test("a request line that stops is given up after head_timeout")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"head_timeout": "200ms"}))
    client = t.connect(sluice)
    client.send(b"GET /v1")
    assert client.read_to_end()[:12] in (b"", b"HTTP/1.1 408")
    check_alone_upstream(t, upstream, sluice)


@test("a client that says nothing is let go after idle_timeout, before and after a request")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"idle_timeout": "200ms"}))
    t.connect(sluice).expect_end()
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.1"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"
    client.expect_end()


@test("a body that stops is answered with 408 and the backend's request is not finished")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"body_grace": "200ms", "min_body_rate": "1MiB"}))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + chunk(b"abc"))
    backend = upstream.accept()
    backend.read_until(b"abc\r\n")
    answered = client.read_response()
    assert answered.status == 408, answered
    backend.expect_end()
    assert not bytes(backend.received).endswith(b"0\r\n\r\n")


@test("a body that drips more slowly than min_body_rate is cut off")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL,
                                      http={"body_grace": "100ms", "min_body_rate": "1MiB"}))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Content-Length: 100000"))
    send_until_closed(client, b" ")
    assert client.read_response().status == 408
    check_alone_upstream(t, upstream, sluice)


@test("a body whose client keeps up passes however long it is")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    body = chat(padding="x" * 3_000_000)
    raw = request(body=body)
    client.send(raw)
    backend = upstream.accept()
    received = backend.read_request()
    assert received.body == raw.split(b"\r\n\r\n", 1)[1]
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"


main()
