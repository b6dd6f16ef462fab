#!/usr/bin/python3
"""A rule and the backend behind it see one and the same request: paths, hosts, fields, expectations, upgrades.

Whatever a client writes, either the rule applies to it or no backend could take it for what the rule forbids."""

import json
import re
import urllib.parse

from harness import gateway
from harness.framing import (BY_MODEL, TRACE_ID, check_all_refused, check_alone_upstream, forwarded, head,
                             without_span)
from harness.http import answer, chunk
from harness.suite import main, test

# Paths -----------------------------------------------------------------------------------------------------------

DENY = [{"name": "deny", "match": {"path": {"prefix": "/v1/admin"}}, "respond": {"status": 403, "body": "denied"}},
        {"name": "all", "match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}]

SPELLINGS = (
    "/v1/admin", "/v1/admin/", "/v1/admin/x", "/v1/admin?x", "/v1/admin?/../x", "/v1/adminx", "/v1/admin;x=y", "/v1/admin/;x",
    "/v1/%61dmin", "/v1/%61%64%6d%69%6e", "/%761/admin", "/v1/adm%69n/x", "/v1/admi%6E", "/v1/%2561dmin", "/v1/%25%36%31dmin",
    "//v1/admin", "/v1//admin", "/v1///admin", "///v1/admin", "/./v1/admin", "/v1/./admin", "/v1/admin/.", "/v1/x/../admin",
    "/v1/x/y/../../admin", "/../v1/admin", "/v1/../v1/admin", "/v1/..", "/v1/.", "/.", "/..", "/v1/admin/..", "/v1/admin/../x",
    "/v1/%2e/admin", "/v1/x/%2e%2e/admin", "/v1/x/.%2e/admin", "/v1/x/%2E./admin", "/v1/x/%252e%252e/admin", "/%2e%2e/v1/admin",
    "/v1/.;/admin", "/v1/..;/v1/admin", "/v1/x/..;a=b/admin", "/v1/x/%2e%2e;/admin", "/v1/x/..%3b/admin", "/v1/x/.%2e%3Ba/admin",
    "/v1%2fadmin", "/v1%2Fadmin", "/v1/x%2f..%2fadmin", "/v1%252fadmin", "%2fv1/admin", "/v1/..%2fv1/admin", "/v1/x/..%2fadmin",
    "/v1\\admin", "/v1%5cadmin", "/v1/x/..\\admin", "/v1/x%5C..%5Cadmin", "\\v1\\admin", "/v1/x\\../admin", "/v1/x/..%5cadmin",
    "/v1/admin%00", "/v1/admin%00.json", "/v1/%00admin", "/v1/x%00/../admin", "/v1/admin%0a", "/v1/admin%0d%0a", "/v1/admin%09",
    "/v1/admin%20", "/v1/%20admin", "/v1/admin%23", "/v1/admin#x", "/v1/admin%3f", "/v1/admin%3Fx", "/v1/x?/v1/admin",
    "/v1/%u0061dmin", "/v1/%c0%afadmin", "/v1%c0%afadmin", "/v1/%c1%a1dmin", "/v1/%e0%80%afadmin", "/v1/x/%c0%ae%c0%ae/admin",
    "/v1/%ef%bd%81dmin", "/v1/x/\xef\xbc\x8e\xef\xbc\x8e/admin", "/v1/%", "/v1/%6", "/v1/%6g", "/v1/%6 1", "/v1/%-61", "/v1/ admin",
    "http://h/v1/admin", "HTTP://h/v1/admin", "http://h//v1/admin", "http://h/v1/%61dmin", "http://h/x/../v1/admin",
    "https://h/v1/admin", "http:/v1/admin", "http:///v1/admin", "http://v1/admin", "//h/v1/admin", "http://h?/v1/admin",
    "http://h#/v1/admin", "http://h\\v1/admin", "http://h;/v1/admin", "ws://h/v1/admin", "v1/admin", "admin", "*", "", "?/v1/admin",
    "h:443", ".", "../v1/admin", "/v1/admin/%2e%2e", "/v1/admin%2e", "/v1/admin~", "/v1/%7eadmin", "/v1/ad%6Din%2e%2e/",
)


def as_a_lenient_backend(target):
    """The path as a forgiving server reads it: decoded once, cut at a NUL, backslashes for slashes, then empty and dot
    segments resolved, also those with parameters. Other parameters stay: they belong to their segment (RFC 3986 3.3)."""
    path = re.sub(r"^[A-Za-z]+://[^/?#]*", "", target).split("?")[0].split("#")[0]
    raw = urllib.parse.unquote_to_bytes(path.encode("latin-1"))
    raw = raw.replace(b"\\", b"/").split(b"\0")[0]
    kept = []
    for segment in raw.split(b"/"):
        plain = segment.split(b";")[0]
        if plain == b"..":
            del kept[-1:]
        elif plain not in (b"", b"."):
            kept.append(segment)
    return b"/" + b"/".join(kept)


@test("no spelling of a forbidden path reaches a backend that would resolve it to the forbidden path")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"served")))
    sluice = t.gateway(gateway.config([upstream.address], routes=DENY))
    counted = {200: 0, 400: 0, 403: 0}
    for target in SPELLINGS:
        client = t.connect(sluice)
        seen = len(upstream.requests)
        client.send(head(f"GET {target} HTTP/1.1"))
        answered = client.read_response()
        counted[answered.status] += 1
        reached = upstream.requests[seen:]
        assert len(reached) == (answered.status == 200), (target, answered.raw)
        if answered.status == 403:
            assert answered.body == b"denied"
        for request in reached:
            assert not as_a_lenient_backend(request.target).startswith(b"/v1/admin"), (target, request.target)
            assert re.fullmatch(r"/[!$&-;=@A-Z_a-z~%]*(\?[!$&-;=@A-Z_a-z~%?]*)?", request.target), (target, request.target)
        client.leave()
    # The table would be worth nothing if everything were refused, or nothing.
    assert counted[403] > 10 and counted[400] > 50 and counted[200] > 5, counted


@test("explain takes each spelling of a path as serving does")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"served")))
    sluice = t.gateway(gateway.config([upstream.address], routes=DENY))
    for target in SPELLINGS:
        if " " in target or not target or not target.isascii():
            continue  # no request line, for either
        client = t.connect(sluice)
        client.send(head(f"GET {target} HTTP/1.1"))
        status = client.read_response().status
        client.leave()
        admin = t.connect(sluice.admin)
        body = f"GET {target}\r\nHost: h\r\n\r\n".encode()
        admin.send(b"POST /explain HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        explained = admin.read_response()
        route = json.loads(explained.body).get("route") if explained.status == 200 else None
        admin.leave()
        if target != "*":
            assert {200: "all", 403: "deny", 400: None}[status] == route, (target, status, explained.raw)


# Hosts -----------------------------------------------------------------------------------------------------------

BY_HOST = [{"name": "inner", "match": {"path": {"prefix": "/"}, "hosts": ["inner.example"]},
            "respond": {"status": 403, "body": "denied"}},
           {"name": "all", "match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}]
HOSTS = {
    # what the client says -> what becomes of it: denied, refused, or the host that the backend gets
    ("/v1/x", "inner.example"): 403,
    ("/v1/x", "INNER.Example"): 403,
    ("/v1/x", "inner.example:80"): 403,
    ("/v1/x", "inner.example:65535"): 403,
    ("/v1/x", "inner.example."): 403,
    ("/v1/x", "inner.example.:80"): 403,
    ("/v1/x", " inner.example\t"): 403,
    ("http://inner.example/v1/x", "outer.example"): 403,
    ("http://INNER.example:80/v1/x", "outer.example"): 403,
    ("http://inner.example?x", "outer.example"): 403,
    ("https://inner.example/v1/x", "outer.example"): 403,
    ("http://outer.example/v1/x", "inner.example"): b"outer.example",
    ("http://outer.example:81/v1/x", "inner.example"): b"outer.example:81",
    ("/v1/x", "outer.example"): b"outer.example",
    ("/v1/x", "xinner.example"): b"xinner.example",
    ("/v1/x", "inner.example.outer"): b"inner.example.outer",
    ("/v1/x", "127.0.0.1:9901"): b"127.0.0.1:9901",
    ("/v1/x", "[::1]"): b"[::1]",
    ("/v1/x", "inner.example:"): 403,
    **{("/v1/x", host): 400 for host in (
        "", "inner.example:80:80", "inner.example:x", "inner.example:-1", "inner.example:999999", "inner.example, outer.example",
        "outer.example@inner.example", "outer.example:x@inner.example", "inner.example/", "inner.example?", "inner.example#",
        "inner.example\\", "inner%2eexample", "inner example", "inner.example;x", "http://inner.example", "\xefnner.example",
        "\"inner.example\"", "[inner.example]", "[::1", "::1", "[::1]x", "[]", ":80", "*", "inner.example:80 ,x", "inner_{}.example",
        "h\tx", "inner.example=1", "$inner.example", "(inner.example)")},
    **{(f"http://{authority}/v1/x", "outer.example"): 400 for authority in (
        "", "outer.example@inner.example", "inner.example:x", "inner.example:80:80", "inner%2eexample", "[::1", "inner.example;x",
        "inner,example")},
    ("http://outer.example/v1/x", ""): 400,
    ("http://outer.example/v1/x", "a b"): 400,
    ("http://outer.example/v1/x", "inner.example@x"): 400,
    ("http://outer.example/v1/x", None): 400,
    ("/v1/x", None): 400,
}


@test("the host that a rule judges is the host that the backend gets, or the request is refused")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"served")))
    sluice = t.gateway(gateway.config([upstream.address], routes=BY_HOST))
    for (target, host), expected in HOSTS.items():
        client = t.connect(sluice)
        seen = len(upstream.requests)
        client.send(head(f"GET {target} HTTP/1.1", host=host))
        answered = client.read_response()
        reached = [without_span(r.raw) for r in upstream.requests[seen:]]
        if isinstance(expected, bytes):
            assert answered.status == 200, (target, host, answered.raw)
            assert reached == [forwarded("GET /v1/x", host=expected.decode(), length=False)], (target, host, reached)
        else:
            assert answered.status == expected and not reached, (target, host, answered.raw, reached)
        client.leave()


@test("two Host fields are refused, equal or not, beside each kind of target and in HTTP/1.0 too")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    check_all_refused(t, upstream, sluice, {
        f"{start}, {second}": head(start, f"{name}: {second}")
        for start in ("GET /v1/x HTTP/1.1", "GET http://h/v1/x HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /v1/x HTTP/1.0")
        for name in ("Host", "host", "HOST") for second in ("h", "other", "")})


# Fields for one connection ------------------------------------------------------------------------------------------


def passes(sentence, lines, kept=(), *, start="GET /v1/x", **changes):
    """A request with these lines reaches the backend with `kept` of them, byte for byte."""
    @test(sentence)
    def _(t):
        upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(head(f"{start} HTTP/1.1", *lines))
        assert client.read_response().status == 200
        got = [without_span(r.raw) for r in upstream.requests]
        assert got == [forwarded(start, kept, length=False, **changes)], got


passes("every field for one connection is removed, with and without a Connection that names it",
       ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic c2VjcmV0", "Proxy-Authenticate: x",
        "TE: trailers, deflate", "Trailer: X-A", "Upgrade: websocket, h2c", "Connection: x-kept-not", "X-Kept: y"], ["X-Kept: y"])
passes("Connection's options are found in any spelling and in several fields",
       ["Connection: ,x-a ,, X-B\t,x-c", "connection:X-D", "CONNECTION:", "Connection: \"x-e\", keep-alive",
        *(f"X-{letter}: secret" for letter in "ABCDabcd"), "X-E: kept", "X-A-B: kept"], ["X-E: kept", "X-A-B: kept"])
passes("Connection may not take away Host, nor what frames the body, nor what the gateway adds",
       ["Connection: Host, Content-Length, Transfer-Encoding, Via, X-Forwarded-For, X-Forwarded-Host, "
        "X-Forwarded-Proto, X-Forwarded-Client-Cert, Connection"])
passes("a nominated credential does not pass: what the client names is its own",
       ["Connection: authorization, cookie", "Authorization: Bearer k", "Cookie: a=b"])


@test("an identifier and a trace that Connection names are replaced by the gateway's own, not left out")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.1", "Connection: x-request-id, traceparent, tracestate", "Tracestate: a=b"))
    answered = client.read_response()
    got = upstream.requests[0]
    made = got.get("x-request-id")
    assert re.fullmatch("[0-9a-f]{32}", made) and answered.get("x-request-id") == made, got.raw
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", got.get("traceparent")), got.raw
    assert TRACE_ID not in got.get("traceparent") and got.get("tracestate") is None, got.raw


@test("a field that Connection names is gone before a rule looks at it, so that rule and backend agree")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    routes = [{"name": "beta", "match": {"path": {"prefix": "/"}, "headers": [{"name": "x-beta", "exact": "1"}]},
               "respond": {"status": 403}},
              {"name": "all", "match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)
    for lines, status in ((["X-Beta: 1"], 403), (["Connection: x-beta", "X-Beta: 1"], 200), (["X-Beta: 1", "Connection: X-BETA"], 200)):
        client.send(head("GET /v1/x HTTP/1.1", *lines))
        assert client.read_response().status == status, lines
    assert len(upstream.requests) == 2 and all(r.get("x-beta") is None for r in upstream.requests)


@test("ten thousand nominations cost no more than they are, and a body keeps its length")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(head("POST /v1/x HTTP/1.1", "Connection: " + ",".join("ab" for _ in range(10_000)), "Ab: c", "Content-Length: 2")
                + b"{}")
    assert client.read_response().status == 200
    assert without_span(upstream.requests[0].raw) == forwarded("POST /v1/x", body=b"{}")


# Who the client is ----------------------------------------------------------------------------------------------------

OTHERS_WORDS = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix",
                "X-Forwarded-Server", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-By", "X-Forwarded-Uri",
                "X-Forwarded-User", "X-Forwarded-Client-Cert", "X-Real-IP", "Forwarded", "X-Sluice-Cluster", "X-Sluice-Tenant",
                "X-Sluice-Anything", "Client-Cert", "Client-Cert-Chain")
for how, spelled in {"as it is": lambda n: n, "in upper case": str.upper, "in lower case": str.lower,
                     "with underscores": lambda n: n.replace("-", "_")}.items():
    passes(f"what a stranger says in other proxies' names is replaced, the name written {how}",
           [f"{spelled(name)}: 203.0.113.9" for name in OTHERS_WORDS] * 2)


@test("what a trusted proxy says about the port and the prefix passes, what it says of certificates does not")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    listener = {"name": "public", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}
    sluice = t.gateway(gateway.config([upstream.address], listeners=[listener]))
    client = t.connect(sluice)
    client.send(head("GET /v1/x HTTP/1.1", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Port: 8443", "X-Forwarded-Prefix: /a",
                     "X-Forwarded-Client-Cert: Subject=\"CN=admin\"", "X-Sluice-Cluster: c"))
    assert client.read_response().status == 200
    got = upstream.requests[0]
    told = {name: got.get(name) for name in ("x-forwarded-for", "x-forwarded-port", "x-forwarded-prefix", "x-real-ip",
                                             "x-forwarded-client-cert", "x-sluice-cluster")}
    assert told == {"x-forwarded-for": "203.0.113.9, 127.0.0.1", "x-forwarded-port": "8443", "x-forwarded-prefix": "/a",
                    "x-real-ip": "203.0.113.9", "x-forwarded-client-cert": None, "x-sluice-cluster": None}, told


# Methods and upgrades ------------------------------------------------------------------------------------------------


@test("CONNECT opens no tunnel and TRACE echoes nothing, whatever the target; what stands behind them is not read")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    secrets = ("Cookie: SECRET", "Authorization: Bearer SECRET")
    cases = {start: head(start, *secrets) for start in (
        "CONNECT h:443 HTTP/1.1", f"CONNECT {upstream.address} HTTP/1.1", "CONNECT /v1/x HTTP/1.1", "CONNECT http://h/ HTTP/1.1",
        "CONNECT * HTTP/1.1", "CONNECT h:443 HTTP/1.0", "TRACE /v1/x HTTP/1.1", "TRACE * HTTP/1.1", "TRACE http://h/ HTTP/1.1",
        "TRACE /v1/x HTTP/1.0", "TRACK /v1/x HTTP/1.1", "DEBUG /v1/x HTTP/1.1", "PRI * HTTP/1.1", "connect h:443 HTTP/1.1",
        "trace /v1/x HTTP/1.1", "Get /v1/x HTTP/1.1")}
    cases["a body behind TRACE"] = head("TRACE /v1/x HTTP/1.1", "Content-Length: 2", *secrets) + b"{}"
    for what, raw in cases.items():
        client = t.connect(sluice)
        client.send(raw + head("GET /v1/SMUGGLED HTTP/1.1"))
        answered = client.read_response()
        assert answered.status in (400, 405, 501) and b"SECRET" not in answered.raw, (what, answered.raw)
        client.expect_end()
        client.leave()
    check_alone_upstream(t, upstream, sluice)


def upgrade(protocol, *lines):
    return ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", *lines)


UPGRADES = {
    "h2c": upgrade("h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    "h2c among others": upgrade("websocket, h2c, TLS/1.3", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    "websocket": upgrade("websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"),
    "without Connection": ("Upgrade: h2c",),
}
KEPT = ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
FRAMES = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\r\n\r\n"  # a websocket's, with an empty line


for what, lines in UPGRADES.items():

    @test(f"bytes behind an upgrade that nobody accepted are judged as a request ({what})")
    def _(t, lines=lines, what=what):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(head("GET /v1/x HTTP/1.1", *lines) + FRAMES + head("GET /v1/SMUGGLED HTTP/1.1"))
        backend = upstream.accept()
        kept = KEPT if what == "websocket" else ()
        assert without_span(backend.read_request().raw) == forwarded("GET /v1/x", kept, length=False)
        backend.send(answer(b"no upgrade"))
        assert client.read_response().body == b"no upgrade"
        assert client.read_response().status == 400
        client.expect_end()
        assert b"SMUGGLED" not in backend.received and upstream.nobody_waits()


    @test(f"a 101 that no client can have asked for opens no tunnel ({what})")
    def _(t, lines=lines):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}))
        client = t.connect(sluice)
        client.send(head("GET /v1/x HTTP/1.1", *lines))
        backend = upstream.accept()
        backend.read_request()
        backend.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nTUNNEL")
        refused = client.read_response()
        assert refused.status == 502 and b"TUNNEL" not in refused.raw, refused.raw
        client.send(head("GET /v1/good HTTP/1.1"))
        backend.expect_end()
        fresh = upstream.accept()
        assert without_span(fresh.read_request().raw) == forwarded("GET /v1/good", length=False)
        fresh.send(answer(b"good"))
        assert client.read_response().body == b"good"


# Expect ----------------------------------------------------------------------------------------------------------------

MODEL = b"{\"model\":\"tiny\"}"
POST = "POST /v1/x HTTP/1.1"
LENGTH = f"Content-Length: {len(MODEL)}"


@test("an expectation that is not known is 417, and the body behind it is no request")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    check_all_refused(t, upstream, sluice, {
        f"{lines}": head(POST, LENGTH, *lines) + MODEL for lines in (
            ("Expect: a-miracle",), ("Expect: 100-continue, a-miracle",), ("Expect: 100-continue;q=1",), ("Expect: 100",),
            ("Expect: 100-continue-not",), ("Expect: \"100-continue\"",))}, (417,))


def expects(sentence, lines, raw_body, *, interim, version="1.1"):
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
        client = t.connect(sluice)
        client.send(head(f"POST /v1/x HTTP/{version}", *lines))
        if interim:
            assert client.read_head().raw == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(raw_body)
        backend = upstream.accept()
        assert without_span(backend.read_request().raw) == forwarded("POST /v1/x", body=MODEL)
        backend.send(answer(b"ok"))
        assert client.read_response().body == b"ok"


expects("a client that expects 100 Continue in odd case gets it once, with a chunked body too",
        ["Expect: 100-CONTINUE", "Transfer-Encoding: chunked"], chunk(MODEL) + b"0\r\n\r\n", interim=True)
expects("an expectation in HTTP/1.0 is ignored (RFC 9110 10.1.1)", ["Expect: 100-continue", LENGTH], MODEL, interim=False,
        version="1.0")


@test("a client that does not wait for its 100 Continue is served, and its body is not taken for a request")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
    client = t.connect(sluice)
    client.send(head(POST, "Expect: 100-continue", LENGTH) + MODEL + head("GET /v1/good HTTP/1.1"))
    backend = upstream.accept()
    assert without_span(backend.read_request().raw) == forwarded("POST /v1/x", body=MODEL)
    backend.send(answer(b"ok"))
    answered = client.read_head()
    if answered.status == 100:
        answered = client.read_head()
    assert answered.status == 200 and client.read_exactly(2) == b"ok"
    assert without_span(backend.read_request().raw) == forwarded("GET /v1/good", length=False)
    backend.send(answer(b"good"))
    assert client.read_response().body == b"good"


@test("a final answer in place of 100 Continue ends the connection: the body that was announced may still come")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=DENY))
    client = t.connect(sluice)
    client.send(head("POST /v1/admin HTTP/1.1", "Expect: 100-continue", "Content-Length: 1000000"))
    answered = client.read_response()
    assert answered.status == 403 and answered.get("connection") == "close", answered.raw
    client.send(head("GET /v1/SMUGGLED HTTP/1.1"))
    client.expect_end()
    check_alone_upstream(t, upstream, sluice)


@test("an expectation without a body is no reason to wait")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    for lines in (("Expect: 100-continue",), ("Expect: 100-continue", "Content-Length: 0")):
        client.send(head(POST, *lines))
        backend = upstream.accept() if len(lines) == 1 else backend
        assert without_span(backend.read_request().raw) == forwarded("POST /v1/x")
        backend.send(answer(b"ok"))
        assert client.read_response().status == 200


@test("an answer of the gateway's own to a body that it does not read ends the connection")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=DENY))
    for framing, begun in (("Content-Length: 1000000", b""), ("Content-Length: 1000000", b"{}"),
                           ("Transfer-Encoding: chunked", b""), ("Transfer-Encoding: chunked", chunk(b"{}"))):
        client = t.connect(sluice)
        client.send(head("POST /v1/admin HTTP/1.1", framing) + begun)
        answered = client.read_response()
        assert answered.status == 403 and answered.get("connection") == "close", answered.raw
        client.send(head("GET /v1/SMUGGLED HTTP/1.1"))
        client.expect_end()
        client.leave()
    check_alone_upstream(t, upstream, sluice)


main()
