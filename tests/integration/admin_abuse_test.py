#!/usr/bin/python3
"""The admin address against those who should not reach it, and the data listener as no way to it."""

import json

from harness import frames, gateway, header_blocks, process
from harness.abuse import Attacker
from harness.framing import BY_MODEL, check_alone_upstream, head
from harness.http import answer
from harness.suite import main, test

TOKEN = "correct-horse-battery-staple"
PAGES = ("/", "/status", "/metrics", "/clusters", "/config", "/streams", "/log-level", "/live", "/ready")
CHANGES = (("POST", "/drain"), ("POST", "/reload"), ("PUT", "/log-level"), ("POST", "/streams/x/kill"))


def guarded(t, upstreams=("127.0.0.1:1",), **options):
    secret = t.folder / "token"
    secret.write_text(TOKEN + "\n")
    settings = gateway.config(list(upstreams), **options)
    settings["admin"] |= {"token": {"file": str(secret)}, "audit_log": str(t.folder / "audit.log")}
    return t.gateway(settings)


def ask(t, sluice, raw):
    admin = t.connect(sluice.admin)
    admin.send(raw)
    answered = admin.read_response(to_head=raw.startswith(b"HEAD"))
    admin.leave()
    return answered


def admin_request(start, *lines, host="127.0.0.1", body=b""):
    return "\r\n".join([f"{start} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}", *lines]).encode("latin-1") + (
        b"\r\n\r\n" + body)


def is_untouched(sluice):
    """Nobody has drained, reloaded or changed anything."""
    status = json.loads(sluice.page("/status")[2]) if sluice.page("/status")[0] == 200 else None
    assert sluice.status() is None and sluice.page("/ready")[0] == 200
    return status


# The data listener is no way in ------------------------------------------------------------------------------------


@test("no request to the data listener reaches an admin page, whatever its host, target or method say")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"the backend's")))
    sluice = t.gateway(gateway.config([upstream.address]))
    admin = "%s:%d" % sluice.admin
    client = t.connect(sluice)
    asked = 0
    for method, path in [("GET", page) for page in PAGES] + list(CHANGES):
        for start, host in ((f"{method} {path}", admin), (f"{method} http://{admin}{path}", "h"),
                            (f"{method} http://localhost:{sluice.admin[1]}{path}", admin),
                            (f"{method} http://admin.sluice{path}?x", "admin.sluice")):
            client.send(head(f"{start} HTTP/1.1", f"X-Forwarded-Host: {admin}", "X-Sluice-Admin: true", "X-Forwarded-For: 127.0.0.1",
                             "Content-Length: 0", host=host))
            answered = client.read_response()
            asked += 1
            assert answered.status == 200 and answered.body == b"the backend's", (start, host, answered.raw)
    assert len(upstream.requests) == asked
    status = is_untouched(sluice)
    assert not status["draining"] and status["config_generation"] == 1, status


@test("nor by HTTP/2, where :authority names the admin address")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"the backend's")))
    sluice = t.gateway(gateway.config([upstream.address]))
    client = Attacker(t.connect(sluice.address), "http")
    for method, path in [("GET", page) for page in PAGES] + list(CHANGES):
        stream = client.take_stream()
        client.send(frames.headers(stream, header_blocks.plain([
            (":method", method), (":scheme", "http"), (":path", path), (":authority", "%s:%d" % sluice.admin)]), end=True))
        while True:
            read = client.next_frame()
            assert read is not None and read.type not in (frames.GOAWAY, frames.RST_STREAM), client.history()
            if read.type == frames.DATA and read.stream == stream:
                assert read.content == b"the backend's", (path, read.content)
                break
    assert not is_untouched(sluice)["draining"]


@test("the admin address is no way to a backend, whatever a request asks for there")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    for start in ("GET /v1/models", "POST /v1/chat/completions", f"GET http://{upstream.address}/v1/models",
                  f"CONNECT {upstream.address}", "OPTIONS *", "POST /v1/x?upstream=models"):
        answered = ask(t, sluice, admin_request(start))
        assert answered.status in (400, 404, 405, 501), (start, answered.raw)
    check_alone_upstream(t, upstream, sluice)


# Tokens ------------------------------------------------------------------------------------------------------------

WRONG = {
    "none": (),
    "an empty one": ("Authorization: Bearer ",),
    "no scheme": (f"Authorization: {TOKEN}",),
    "another scheme": (f"Authorization: Basic {TOKEN}",),
    "a scheme that only begins so": (f"Authorization: Bearerx {TOKEN}",),
    "no blank": (f"Authorization: Bearer{TOKEN}",),
    "two blanks": (f"Authorization: Bearer  {TOKEN}",),
    "its beginning": (f"Authorization: Bearer {TOKEN[:-1]}",),
    "its end": (f"Authorization: Bearer {TOKEN[1:]}",),
    "more than it": (f"Authorization: Bearer {TOKEN}x",),
    "it twice": (f"Authorization: Bearer {TOKEN}{TOKEN}",),
    "it in a list": (f"Authorization: Bearer {TOKEN}, Bearer {TOKEN}",),
    "another case": (f"Authorization: Bearer {TOKEN.upper()}",),
    "quotes": (f"Authorization: Bearer \"{TOKEN}\"",),
    "a tab": (f"Authorization: Bearer\t{TOKEN}",),
    "a wrong one and then it": ("Authorization: Bearer wrong", f"Authorization: Bearer {TOKEN}"),
    "another field": (f"X-Authorization: Bearer {TOKEN}", f"Cookie: token={TOKEN}", f"Proxy-Authorization: Bearer {TOKEN}",
                      f"X-Api-Key: {TOKEN}", f"Authorization_: Bearer {TOKEN}"),
    "a nomination by Connection": (f"Authorization: Bearer {TOKEN}x", "Connection: authorization"),
    "somebody else's word": ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1",
                             "X-Forwarded-User: admin"),
    "bytes above 0x7f": (f"Authorization: Bearer {TOKEN}\xff",),
    "a long one": ("Authorization: Bearer " + "x" * 30_000,),
}


@test("no page but /live and /ready, and no change, is to be had with a wrong token; each attempt is noted, no token is told")
def _(t):
    sluice = guarded(t)
    tried = 0
    pages = [("GET", page) for page in PAGES if page not in ("/live", "/ready")]
    for what, lines in WRONG.items():
        for method, path in [*pages, *[("HEAD", path) for _, path in pages], *CHANGES, ("POST", "/explain"), ("POST", "/diff")]:
            answered = ask(t, sluice, admin_request(f"{method} {path}?token={TOKEN}&access_token={TOKEN}", *lines))
            assert answered.status == 401, (what, method, path, answered.raw)
            assert answered.get("www-authenticate").startswith("Bearer") and TOKEN.encode() not in answered.raw, answered.raw
            tried += 1
    right = ask(t, sluice, admin_request("GET /status", f"Authorization: Bearer {TOKEN}"))
    assert right.status == 200 and not json.loads(right.body)["draining"], right.raw
    log = t.folder / "audit.log"
    process.wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") >= tried, "the audit log is written")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == tried and {line["result"] for line in lines} == {"no_token"}, lines[-3:]
    assert TOKEN not in log.read_text() + sluice.stderr + sluice.stdout


@test("a page is asked for its token under each spelling of its path, or is not there")
def _(t):
    sluice = guarded(t)
    for path in ("/config", "/config/", "//config", "/./config", "/x/../config", "/%63onfig", "/config%2f", "/config;x", "/CONFIG",
                 "/config%00", "/config?", "/config#", "/live/../config", "/live/config", "/live%2f..%2fconfig", "/live;/config",
                 "/ready/../drain", "http://127.0.0.1/config", "http://localhost/%63onfig", "\\config", "/config\\", "*"):
        answered = ask(t, sluice, admin_request(f"GET {path}"))
        assert answered.status in (400, 401, 404, 405), (path, answered.raw)
        assert b"listeners" not in answered.raw, (path, answered.raw)
    for start in ("POST /live", "PUT /ready", "DELETE /config", "PATCH /log-level", "OPTIONS /config", "CONNECT /config",
                  "TRACE /config", "GET /drain", "GET /reload", "HEAD /drain", "GET /streams/x/kill", "PUT /drain"):
        answered = ask(t, sluice, admin_request(start))
        assert answered.status in (400, 401, 404, 405, 501), (start, answered.raw)
    assert sluice.page("/ready")[0] == 200 and sluice.status() is None


@test("requests that two parsers could read in two ways are refused on the admin address too, and nothing behind them is read")
def _(t):
    sluice = t.gateway(gateway.config(["127.0.0.1:1"]))
    drain = admin_request("POST /drain")
    for raw in (b"POST /diff HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                b"POST /diff HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
                b"POST /diff HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                b"POST /diff HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"GET /live HTTP/1.1\nHost: 127.0.0.1\n\n", b"GET /live HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A : b\r\n\r\n"):
        admin = t.connect(sluice.admin)
        admin.send(raw + drain)
        assert admin.read_response().status in (400, 501), raw
        admin.expect_end()
        admin.leave()
    assert not is_untouched(sluice)["draining"]


# Without a token ------------------------------------------------------------------------------------------------------


@test("without a token a name that is not this machine's is refused on every page: a web page's own name may point here")
def _(t):
    settings = gateway.config(["127.0.0.1:1"])
    settings["admin"] |= {"audit_log": str(t.folder / "audit.log")}
    sluice = t.gateway(settings)
    pages = [("GET", page) for page in PAGES if page not in ("/live", "/ready")]
    for host in ("evil.example", "evil.example:9901", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost",
                 "127.0.0.1.nip.io", "0x7f000001.evil", "127.1.evil"):
        for method, path in [*pages, *CHANGES]:
            answered = ask(t, sluice, admin_request(f"{method} {path}", host=host))
            assert answered.status == 403, (host, method, path, answered.raw)
    for host in ("127.0.0.1", "localhost", "LOCALHOST:9901", "[::1]"):
        assert ask(t, sluice, admin_request("GET /status", host=host)).status == 200, host
    assert ask(t, sluice, admin_request("GET http://evil.example/status", host="localhost")).status == 403
    assert not is_untouched(sluice)["draining"]


@test("a change that a foreign page sends is refused whatever its origin says, with a token too")
def _(t):
    for sluice, lines in ((t.gateway(gateway.config(["127.0.0.1:1"])), ()), (guarded(t), (f"Authorization: Bearer {TOKEN}",))):
        for origin in ("http://evil.example", "null", "", "http://127.0.0.1", "http://localhost:9901", "file://", "chrome-extension://x"):
            for method, path in CHANGES:
                answered = ask(t, sluice, admin_request(f"{method} {path}", f"Origin: {origin}", *lines, host="localhost", body=b"debug"))
                assert answered.status == 403, (origin, method, path, answered.raw)
        answered = ask(t, sluice, admin_request("GET /status", *lines))
        assert answered.status == 200 and not json.loads(answered.body)["draining"]
        # No page of a browser may read an answer either.
        assert not any(name.startswith("access-control-") for name, _ in answered.headers), answered.raw


# Costs ------------------------------------------------------------------------------------------------------------------


@test("bodies and heads without measure are refused on the admin address, before the token is shown and after")
def _(t):
    sluice = guarded(t)
    auth = f"Authorization: Bearer {TOKEN}"
    for lines, status in (((auth,), 413), ((), 401)):
        admin = t.connect(sluice.admin)
        admin.send("\r\n".join(["POST /diff HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 500000000", *lines]).encode() + b"\r\n\r\n")
        assert admin.read_response().status == status
        admin.leave()
    assert ask(t, sluice, admin_request("GET /config", auth, "X-A: " + "a" * 100_000)).status == 431
    assert ask(t, sluice, admin_request(f"GET /{'a' * 20_000}", auth)).status == 414
    assert sluice.page("/ready")[0] == 200


@test("connections to the admin address that ask for nothing take nothing from clients")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"ok")))
    sluice = t.gateway(gateway.config([backend.address], routes=BY_MODEL))
    before = sluice.resident_bytes()
    crowd = [t.connect(sluice.admin) for _ in range(200)]
    for one in crowd:
        try:
            one.send(b"GET /metrics HTTP/1.1\r\n")
        except OSError:
            pass  # above the limit: closed at once
    client = t.connect(sluice)
    for _ in range(20):
        client.send(head("GET /v1/good HTTP/1.1"))
        assert client.read_response().body == b"ok"
    assert sluice.resident_bytes() - before < 4 * 1024 * 1024
    for one in crowd:
        one.leave()
    sluice.wait_until(lambda: _live(sluice), "the admin address answers again")


def _live(sluice):
    try:
        return sluice.page("/live")[0] == 200
    except OSError:
        return False


@test("an imagined request is explained without a connection to any backend, whatever it is")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
    for imagined in (b"POST /v1/x\r\nHost: h\r\n\r\n{\"model\":\"tiny\"}", f"GET http://{upstream.address}/v1/good\r\n\r\n".encode(),
                     b"CONNECT h:443\r\n\r\n", b"GET /v1/x\r\nHost: a\r\nHost: b\r\n\r\n", b"\r\n\r\n", b"\0", b"POST /v1/x\r\nX\r\n\r\n",
                     b"POST /v1/x\r\n\r\n" + b"[" * 500_000, b"POST /v1/x\r\n\r\n{\"model\":\"tiny\",\"model\":\"x\"}",
                     b"GET /v1/../x\r\n\r\n", b"GET " + b"/a" * 100_000 + b"\r\n\r\n", b"\xff\xfe\r\n\r\n"):
        answered = ask(t, sluice, admin_request("POST /explain?client=203.0.113.9", body=imagined))
        assert answered.status in (200, 400), (imagined[:80], answered.raw)
        if answered.status == 200:
            json.loads(answered.body)
    assert ask(t, sluice, admin_request("POST /explain?client=nobody", body=b"GET /v1/good\r\n\r\n")).status == 400
    check_alone_upstream(t, upstream, sluice)


main()
