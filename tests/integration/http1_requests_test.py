#!/usr/bin/python3
"""HTTP/1.1 requests that pass, and the exact bytes that the backend gets of them; connections, and Expect."""

from harness import gateway
from harness.framing import BY_MODEL, forwarded, head, without_span
from harness.http import answer, chunk, request
from harness.suite import main, test


def accepted(sentence, raw, expected, *, answers=answer(b"ok"), **options):
    """The backend gets exactly `expected`."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], **options))
        client = t.connect(sluice)
        client.send(raw)
        backend = upstream.accept()
        backend.read_request()
        assert without_span(bytes(backend.received)) == expected, bytes(backend.received)
        backend.send(answers)
        assert client.read_response().status == 200
        assert without_span(bytes(backend.received)) == expected, bytes(backend.received)


# What passes, and as which bytes -------------------------------------------------------------------------------

accepted("a request passes with its own fields first and ours behind them",
         head("POST /v1/chat/completions?a=b%20c HTTP/1.1", "Authorization: Bearer k", "X-Odd: \xe9\t,;=\"",
              "Content-Length: 2") + b"{}",
         forwarded("POST /v1/chat/completions?a=b%20c", ["Authorization: Bearer k", "X-Odd: \xe9\t,;=\""], body=b"{}"))
accepted("an empty line in front of a request is skipped", b"\r\n" + head("GET /v1/x HTTP/1.1"),
         forwarded("GET /v1/x", length=False))
accepted("blanks around a value are not part of it", head("GET /v1/x HTTP/1.1", "X-A:  \t b c \t "),
         forwarded("GET /v1/x", ["X-A: b c"], length=False))
accepted("a POST without a body says so to the backend", head("POST /v1/x HTTP/1.1"), forwarded("POST /v1/x"))
accepted("repeated fields keep their order", head("GET /v1/x HTTP/1.1", "X-A: 1", "X-B: 2", "x-a: 3"),
         forwarded("GET /v1/x", ["X-A: 1", "X-B: 2", "x-a: 3"], length=False))
accepted("absolute-form: Host comes from the URI", head("GET http://uri.example:81/v1/x?q HTTP/1.1", host="other"),
         forwarded("GET /v1/x?q", host="uri.example:81", length=False))
accepted("absolute-form without a path asks for /", head("GET http://uri.example?q HTTP/1.1", host="other"),
         forwarded("GET /?q", host="uri.example", length=False))
accepted("an IPv6 Host passes", head("GET /v1/x HTTP/1.1", host="[::1]:80"),
         forwarded("GET /v1/x", host="[::1]:80", length=False))
accepted("HTTP/1.0 without Host is served", head("GET /v1/x HTTP/1.0", host=None),
         forwarded("GET /v1/x", host="", length=False))
accepted("a percent-escape that is not needed is undone, others are written in upper case",
         head("GET /v1/%63hat/%e4%2a HTTP/1.1"), forwarded("GET /v1/chat/%E4%2A", length=False))
accepted("a colon, an at sign and a semicolon in a path pass", head("GET /v1/a:b@c;d=e HTTP/1.1"),
         forwarded("GET /v1/a:b@c;d=e", length=False))
accepted("hop-by-hop fields and those that Connection names do not pass",
         head("GET /v1/x HTTP/1.1", "Connection: X-Named, keep-alive", "X-Named: secret", "Keep-Alive: timeout=5",
              "Proxy-Connection: x", "Proxy-Authorization: x", "TE: trailers", "Trailer: X", "Upgrade: websocket",
              "X-Kept: y"),
         forwarded("GET /v1/x", ["X-Kept: y"], length=False))
accepted("Connection cannot remove what the gateway itself adds",
         head("POST /v1/x HTTP/1.1", "Content-Length: 2",
              "Connection: host, content-length, via, x-forwarded-for, x-forwarded-host, x-forwarded-proto") + b"{}",
         forwarded("POST /v1/x", body=b"{}"))
accepted("what a client says about other proxies, and internal fields, are replaced",
         head("GET /v1/x HTTP/1.1", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8", "X-Forwarded-Host: evil",
              "X-Forwarded-Proto: https", "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Sluice-Cluster: other"),
         forwarded("GET /v1/x", length=False))
accepted("Via is continued", head("GET /v1/x HTTP/1.1", "Via: 1.0 other"),
         forwarded("GET /v1/x", length=False).replace(b"via: 1.1 sluice", b"via: 1.0 other, 1.1 sluice"))
accepted("a chunked body that is read first gets a Content-Length; extensions and trailers are dropped",
         head("POST /v1/x HTTP/1.1", "Transfer-Encoding: Chunked") +
         b"10;a=b\r\n{\"model\": \"tiny\"\r\n1;c=\"d e\"\r\n}\r\n0\r\nX-Trailer: t\r\nX-Request-Id: t\r\n\r\n",
         forwarded("POST /v1/x", body=b"{\"model\": \"tiny\"}"), routes=BY_MODEL)


@test("a chunked body that is passed on as it comes is framed anew; extensions and trailers are dropped")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked"))
    backend = upstream.accept()
    client.send(b"003;a=b\r\nabc\r\n")
    backend.read_until(b"3\r\nabc\r\n")
    client.send(b"2\r\nde\r\n")
    backend.read_until(b"2\r\nde\r\n")
    client.send(b"0\r\nX-Trailer: t\r\nX-Request-Id: t\r\n\r\n")
    backend.read_until(b"0\r\n\r\n")
    backend.send(answer(b"ok"))
    assert client.read_response().status == 200
    assert without_span(bytes(backend.received)) == (
        forwarded("POST /v1/x", chunked=True) + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), bytes(backend.received)


@test("bytes behind an Upgrade that is not accepted are the next request")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("GET /v1/a HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                     "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA") + head("GET /v1/b HTTP/1.1"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"a"))
    assert client.read_response().body == b"a"
    backend.read_request()
    backend.send(answer(b"b"))
    assert client.read_response().body == b"b"
    assert without_span(bytes(backend.received)) == (
        forwarded("GET /v1/a", length=False) + forwarded("GET /v1/b", length=False)), bytes(backend.received)


# Connections ---------------------------------------------------------------------------------------------------


@test("pipelined requests are answered in order")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(b"".join(request(path=f"/v1/{i}", body=b"{}") for i in range(5)))
    backend = upstream.accept()
    for i in range(5):
        assert backend.read_request().target == f"/v1/{i}"
        backend.send(answer(b"%d" % i))
        assert client.read_response().body == b"%d" % i


@test("a bad request behind a good one does not harm the good one")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=b"{}") + b"GET / HTTP/1.1\r\n\r\n")
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"
    assert client.read_response().status == 400
    client.expect_end()


@test("a connection ends after the answer when the client asks for it")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=b"{}", headers=[("Connection", "close")]))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    answered = client.read_response()
    assert answered.get("connection") == "close" and answered.body == b"ok"
    client.expect_end()
    assert backend.is_open(), "the backend's connection is not the client's to close"


@test("HTTP/1.0 closes by default, and stays open where it was asked to")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.0", "Connection: keep-alive"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    answered = client.read_response()
    assert answered.get("connection") == "keep-alive" and answered.body == b"ok", answered
    client.send(head("GET /v1/x HTTP/1.0"))
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().get("connection") == "close"
    client.expect_end()


@test("an answer without a length goes to HTTP/1.0 without chunks and ends with the connection")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.0", "Connection: keep-alive"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc") + chunk(b"def") + b"0\r\n\r\n")
    answered = client.read_response()
    assert answered.body == b"abcdef" and answered.get("transfer-encoding") is None, answered
    assert answered.get("connection") == "close" and client.ended == "eof"


@test("an answer to HTTP/1.0 that breaks off ends in a reset, since a close would look like its end")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.0"))
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc"))
    client.read_until(b"abc")
    backend.leave()
    client.read_to_end()
    assert client.ended == "reset", client.ended


# Expect --------------------------------------------------------------------------------------------------------


@test("a client that waits for 100 Continue gets it, once, and the backend never sees Expect")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Content-Length: 2", "Expect: 100-Continue"))
    interim = client.read_head()
    assert interim.raw == b"HTTP/1.1 100 Continue\r\n\r\n", interim.raw
    client.send(b"{}")
    backend = upstream.accept()
    assert without_span(backend.read_request().raw) == forwarded("POST /v1/x", body=b"{}")
    backend.send(answer(b"ok"))
    answered = client.read_response()
    assert answered.status == 200 and answered.body == b"ok"


@test("a client that announces a body for an unknown path gets 404 and no 100 Continue")
def _(t):
    upstream = t.upstream()
    routes = [{"name": "v1", "match": {"path": {"prefix": "/v1/"}}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)
    client.send(head("POST /v2/x HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"))
    answered = client.read_response()
    assert answered.status == 404 and answered.get("connection") == "close", answered
    client.expect_end()


main()
