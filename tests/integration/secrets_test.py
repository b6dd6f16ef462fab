#!/usr/bin/python3
"""No key, cookie, prompt or answer in any log, page or span, at any level; and no byte of a client's in a log's structure."""

import json
import re

from harness import certificates, downstream, gateway, process
from harness.framing import TRACE_ID, head
from harness.http import DONE, EVENTS_HEAD, LAST_CHUNK, answer, chunk, event, request, usage_event
from harness.suite import main, test

# Each is looked for whole and by its first and last five characters: a mask that keeps that much is none.
SECRETS = {
    "authorization": "sk-aKq7vAUTHORIZATIONx9Lw2", "cookie": "cJr4nCOOKIEzz8Hd", "api-key": "kPt6yAPIKEYuu3Qm",
    "proxy-authorization": "pVb5wPROXYAUTHee1Rt", "any field": "fMn2oANYFIELDii7Sg", "query": "qXc9dQUERYaa4Zk",
    "prompt": "mWe3rPROMPTtt6Yh", "user": "uIo8pUSERss5Dj", "tool": "tGh1jTOOLll0Bv", "content": "aCv7bANSWERnn2Mx",
    "set-cookie": "sQw4eSETCOOKIErr8Ty", "answer's field": "bUi6oBACKENDpp3As", "error": "eDf5gERRORhh9Jk",
    "admin token": "dLz1xTOKENcc7Vb",
}


def traces_of(kind):
    """What would give a secret away."""
    value = SECRETS[kind]
    return {value, value[:5], value[-5:]}


def check_nothing_told(places, kinds=SECRETS):
    for place, text in places.items():
        for kind in kinds:
            for trace in traces_of(kind):
                at = text.find(trace)
                assert at < 0, f"{place} tells the {kind}: …{text[max(0, at - 200):at + 100]}…"


def secret_body(**fields):
    return {"model": "tiny", "user": SECRETS["user"], "tools": [{"type": "function", "function": {"name": SECRETS["tool"]}}],
            "messages": [{"role": "user", "content": SECRETS["prompt"]}]} | fields


SECRET_FIELDS = [("Authorization", f"Bearer {SECRETS['authorization']}"), ("Cookie", f"session={SECRETS['cookie']}"),
                 ("X-Api-Key", SECRETS["api-key"]), ("Proxy-Authorization", f"Basic {SECRETS['proxy-authorization']}"),
                 ("X-Anything", SECRETS["any field"]), ("Traceparent", f"00-{TRACE_ID}-b7ad6b7169203331-01")]
ANSWER_FIELDS = (("Content-Type", "application/json"), ("Set-Cookie", f"s={SECRETS['set-cookie']}"),
                 ("X-Backend", SECRETS["answer's field"]))


def secret_request(**options):
    asked = {"path": f"/v1/chat/completions?api_key={SECRETS['query']}", "headers": SECRET_FIELDS, "body": secret_body()}
    return request(**(asked | options))


def error_body():
    return json.dumps({"error": {"message": f"{SECRETS['error']} {SECRETS['prompt']}"}}).encode()


class Scene:
    """A gateway that tells all it ever tells: debug, an access log, an audit log, traces of every exchange."""

    def __init__(self, t, protocol=downstream.HTTP1, **options):
        self.t = t
        self.upstream = t.upstream()
        self.collector = t.serving(lambda _r, c: c.send(answer(b"{}")))
        self.token = t.folder / "token"
        self.token.write_text(SECRETS["admin token"] + "\n")
        routes = [{"name": "chat", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]},
                  {"name": "head", "match": {"path": {"prefix": "/v2/"}, "headers": [{"name": "x-anything"}]},
                   "clusters": [{"name": "models"}]}]
        listener = protocol.listener({"idle_timeout": "10s"})
        settings = gateway.config([self.upstream.address], listeners=[listener], routes=routes, retry={"attempts": 1},
                                  timeouts={"between_tokens": "10s"},
                                  observability={"log": {"level": "debug"}, "traces": {
                                      "otlp": f"http://{self.collector.address}", "interval": "20ms", "sample": "100%"}}, **options)
        settings["admin"] |= {"token": {"file": str(self.token)}, "audit_log": str(t.folder / "audit.log")}
        self.sluice = t.gateway(settings)
        self.client = downstream.connect(t, self.sluice.address, protocol)

    def ask_admin(self, method, path, body=b"", token=True):
        admin = self.t.connect(self.sluice.admin)
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", "Connection: close"]
        if token:
            lines.append(f"Authorization: Bearer {SECRETS['admin token']}")
        admin.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        answered = admin.read_response()
        admin.leave()
        return answered.raw.decode("latin-1")

    def pages(self):
        paths = [line.split()[1] for line in self.ask_admin("GET", "/").split("\r\n\r\n", 1)[1].splitlines()
                 if line.startswith("GET")]
        assert {"/metrics", "/config", "/streams", "/clusters", "/status"} <= set(paths), paths
        return {path: self.ask_admin("GET", path) for path in paths}

    def logs(self):
        audit = self.t.folder / "audit.log"
        return {"the access log": b"\n".join(self.sluice.access_lines()).decode("latin-1"),
                "standard error": self.sluice.stderr, "standard output": self.sluice.stdout,
                "the audit log": audit.read_text() if audit.exists() else "",
                "the collector": "".join(r.raw.decode("latin-1") for r in list(self.collector.requests))}

    def check(self, lines, spans=False, kinds=SECRETS):
        """After so many exchanges: every log, page and span has been written and holds none of it."""
        self.sluice.wait_until(lambda: len(self.sluice.access_lines()) >= lines, f"{lines} lines in the access log")
        if spans:
            self.sluice.wait_until(lambda: self.collector.requests, "the collector has spans")
        check_nothing_told(self.pages() | self.logs(), kinds)


BACKENDS_ANSWERS = {
    "an answer": answer(json.dumps({"choices": [{"message": {"content": SECRETS["content"]}}]}).encode(), headers=ANSWER_FIELDS),
    "an answer of 401": answer(error_body(), status="401 Unauthorized", headers=ANSWER_FIELDS),
    "an answer of 500": answer(error_body(), status="500 Internal Server Error", headers=ANSWER_FIELDS),
    "a stream": EVENTS_HEAD + chunk(event(SECRETS["content"])) + chunk(usage_event(3, 1)) + chunk(DONE) + LAST_CHUNK,
    "a stream whose first event is an error": EVENTS_HEAD + chunk(b"data: " + error_body() + b"\n\n") + LAST_CHUNK,
    "a head that is none": f"HTTP/1.1 {SECRETS['content']}\r\n\r\n".encode(),
    "a field that is none": f"HTTP/1.1 200 OK\r\nX-A\x01: {SECRETS['content']}\r\n\r\n".encode(),
    "a bad length": f"HTTP/1.1 200 OK\r\nContent-Length: {SECRETS['content']}\r\n\r\n".encode(),
    "a bad coding": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {SECRETS['content']}\r\n\r\n".encode(),
    "a bad chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRETS['content']}\r\n".encode(),
    "bytes behind the answer": answer(b"{}") + SECRETS["content"].encode(),
    "half a head": f"HTTP/1.1 200 OK\r\nX-A: {SECRETS['content']}".encode(),
    "half a body": answer(SECRETS["content"].encode() * 9)[:-30],
    "half a stream": EVENTS_HEAD + chunk(event(SECRETS["content"]) + b"data: " + SECRETS["content"].encode()),
    "nothing": b"",
}
for what, raw in BACKENDS_ANSWERS.items():
    for protocol in (downstream.HTTP1, downstream.HTTPS1):

        @test(f"no secret is told where the backend gives {what} ({protocol.name})")
        def _(t, raw=raw, protocol=protocol):
            scene = Scene(t, protocol)
            scene.client.send(secret_request())
            backend = scene.upstream.accept()
            got = backend.read_request()
            # The backend gets what the client wrote for it: the secrets were there to be told.
            for kind in ("authorization", "cookie", "api-key", "any field", "query", "prompt", "user", "tool"):
                assert SECRETS[kind].encode() in got.raw, kind
            assert SECRETS["proxy-authorization"].encode() not in got.raw
            check_nothing_told({"/streams of an exchange in flight": scene.ask_admin("GET", "/streams")})
            backend.send(raw)
            backend.leave()
            try:
                scene.client.read_response()
            except (EOFError, OSError):
                pass  # cut, as its end was not to be had
            scene.check(1, spans=True)


CLIENTS_FAULTS = {
    "a model that nobody serves": (secret_request(body=secret_body(model="other")), 404),
    "a path that no route has": (secret_request(path=f"/v3/x?k={SECRETS['query']}"), 404),
    "a member of a wrong type": (secret_request(body=secret_body(max_tokens=SECRETS["prompt"])), 400),
    "a body that is no JSON": (secret_request(body=f"{{\"model\":\"tiny\",\"x\":{SECRETS['prompt']}}}".encode()), 400),
    "a member that is there twice": (secret_request(body=f"{{\"model\":\"tiny\",\"x\":1,\"x\":\"{SECRETS['prompt']}\"}}".encode()), 400),
    "a coding": (secret_request(headers=[*SECRET_FIELDS, ("Content-Encoding", SECRETS["any field"])]), 415),
    "an expectation": (secret_request(headers=[*SECRET_FIELDS, ("Expect", SECRETS["any field"])]), 417),
    "a bad name": (head("POST /v1/x HTTP/1.1", f"Authorization {SECRETS['authorization']}: x"), 400),
    "a bad value": (head("POST /v1/x HTTP/1.1", f"Authorization: {SECRETS['authorization']}\x01"), 400),
    "a bad host": (head("POST /v1/x HTTP/1.1", host=f"{SECRETS['any field']}@h"), 400),
    "a bad length": (head("POST /v1/x HTTP/1.1", f"Content-Length: {SECRETS['any field']}"), 400),
    "a bad coding for transfer": (head("POST /v1/x HTTP/1.1", f"Transfer-Encoding: {SECRETS['any field']}"), 501),
    "a bad chunk": (head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + f"{SECRETS['prompt']}\r\n".encode(), 400),
    "a bad query": (head(f"POST /v1/x?k={SECRETS['query']}\x01 HTTP/1.1"), 400),
    "a bad target": (head(f"POST http://user:{SECRETS['query']}@h/v1/x HTTP/1.1"), 400),
    "a bad method": (f"{SECRETS['any field']} /v1/x HTTP/1.1\r\nHost: h\r\n\r\n".encode(), 501),
    "a bad line": (f"{SECRETS['any field']}\r\n\r\n".encode(), 400),
    "a line that is too long": (head(f"GET /v1/x?{SECRETS['query'] * 1000} HTTP/1.1"), 414),
    "a head that is too long": (head("GET /v1/x HTTP/1.1", f"X-A: {SECRETS['any field'] * 3000}"), 431),
    "a TRACE": (secret_request(method="TRACE", body=None), 405),
}


@test("no secret is told in any log or page where the client is at fault, whatever its fault")
def _(t):
    scene = Scene(t)
    for what, (raw, status) in CLIENTS_FAULTS.items():
        client = t.connect(scene.sluice)
        client.send(raw)
        answered = client.read_response()
        assert answered.status == status, (what, answered.raw)
        if "POST http" not in what:
            check_nothing_told({f"the answer to {what}": answered.raw.decode("latin-1")},
                               [k for k in SECRETS if k not in ("query",)])
        client.leave()
    assert scene.upstream.nobody_waits()
    scene.check(len(CLIENTS_FAULTS))


@test("no secret is told where the client leaves, where an operator ends the exchange, or nobody can be connected to")
def _(t):
    scene = Scene(t)
    scene.client.send(secret_request(body=secret_body(stream=True)))
    backend = scene.upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event(SECRETS["content"])))
    scene.client.read_until(SECRETS["content"].encode())
    scene.client.leave()
    backend.expect_end()
    client = t.connect(scene.sluice)
    client.send(secret_request(headers=[*SECRET_FIELDS, ("X-Request-Id", "doomed")]))
    scene.upstream.accept().read_request()
    assert "200" in scene.ask_admin("POST", "/streams/doomed/kill")[:20]
    client.read_to_end()
    scene.upstream.stop_listening()
    last = t.connect(scene.sluice)
    last.send(secret_request())
    assert last.read_response().status in (502, 503)
    scene.check(3, spans=True)


@test("what is explained, what differs and who is refused on the admin address tells no secret")
def _(t):
    scene = Scene(t)
    imagined = secret_request()
    places = {"explain": scene.ask_admin("POST", "/explain", imagined.replace(b" HTTP/1.1", b"", 1))}
    assert "200" in places["explain"][:20], places["explain"]
    places["a bad explain"] = scene.ask_admin("POST", "/explain", f"{SECRETS['any field']}\r\n{SECRETS['any field']}".encode())
    places["a bad diff"] = scene.ask_admin("POST", "/diff", f"a: {SECRETS['any field']}\n\tb".encode(), token=True)
    places["refused"] = scene.ask_admin("GET", f"/config?token={SECRETS['admin token']}", token=False)
    assert "401" in places["refused"][:20]
    # A query that is no condition is told to who wrote it, and to nobody else.
    scene.ask_admin("GET", f"/streams?{SECRETS['query']}=1")
    del places["a bad diff"], places["a bad explain"]
    check_nothing_told(places)
    scene.check(0)


@test("a token's file and an environment variable are named in the configuration, what they hold is not")
def _(t):
    scene = Scene(t)
    config = scene.ask_admin("GET", "/config")
    assert str(scene.token) in config
    printed = t.program(process.BIN / "sluice", "print-config", scene.sluice.file)
    assert printed.wait() == 0 and str(scene.token) in printed.stdout
    check_nothing_told({"/config": config, "print-config": printed.stdout + printed.stderr})
    key = certificates.server().files["key_file"]
    secured = t.gateway(gateway.config(["127.0.0.1:1"], listeners=[downstream.HTTPS1.listener()]))
    lines = [line for line in open(key, encoding="ascii").read().splitlines() if "PRIVATE" not in line]
    for place in (secured.page("/config")[2], secured.page("/status")[2], secured.page("/metrics")[2], secured.stderr):
        assert lines and all(line not in place for line in lines)


# One request, one line ------------------------------------------------------------------------------------------------

FORBIDDEN = re.compile("[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")


def whole(sluice, count):
    """The access log's lines, parsed: one a request, each without a character that ends a line for somebody."""
    lines = sluice.access_log(count)
    for raw in sluice.access_lines():
        assert not FORBIDDEN.search(raw.decode()), raw
    return lines


# As bytes: what C programs, terminals, JSON readers and JavaScript take for an end, a quote or a command.
INJECTED = {
    **{f"0x{code:02x}": bytes([code]) for code in (*range(0x20), 0x22, 0x27, 0x5c, 0x7f, 0x80, 0x85, 0x9b, 0xff)},
    "CRLF and a line": b"\r\n{\"status\":200}", "U+0085": b"\xc2\x85", "U+009B": b"\xc2\x9b[2J", "U+2028": b"\xe2\x80\xa8",
    "U+2029": b"\xe2\x80\xa9", "U+202E": b"\xe2\x80\xae", "U+FEFF": b"\xef\xbb\xbf", "U+FFFF": b"\xef\xbf\xbf",
    "an overlong LF": b"\xc0\x8a", "a surrogate": b"\xed\xa0\x80", "a cut sequence": b"\xe2\x80", "an escape": b"\x1b[31m",
    "a member": b"\",\"status\":200,\"x\":\"", "an end": b"\"}", "a backslash and a quote": b"\\\"",
}


def injection(where, make, model_of=None):
    @test(f"nothing that stands in {where} ends a line of the access log or begins a member")
    def _(t):
        upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
        routes = [{"name": "r", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]},
                  {"name": "all", "match": {"path": {"prefix": "/a"}}, "clusters": [{"name": "models"}]}]
        sluice = t.gateway(gateway.config([upstream.address], routes=routes, observability={"log": {"level": "debug"}}))
        quiet = sluice.stderr
        statuses = []
        for evil in INJECTED.values():
            client = t.connect(sluice)
            client.send(make(evil))
            statuses.append(client.read_head().status)
            client.leave()
        lines = whole(sluice, len(INJECTED))
        assert [line["status"] for line in lines] == statuses, (statuses, lines)
        if model_of:
            assert [line["model"] for line in lines] == [model_of(evil) for evil in INJECTED.values()], lines
        for raw in sluice.stderr.removeprefix(quiet).splitlines():
            json.loads(raw)
        assert b"\n" not in b"".join(sluice.access_lines())
        assert not any("x" in line for line in lines), lines
        # What is counted is labelled by the configuration's words alone, and the page parses.
        assert sluice.metrics().sum("sluice_requests_total") == len(INJECTED)


def raw_model(evil):
    return request(path="/v1/x", body=b"{\"model\":\"ti" + evil + b"ny\"}")


def escaped_model(evil):
    text = "ti" + evil.decode("latin-1") + "ny"
    return request(path="/v1/x", body={"model": text})


injection("a path", lambda evil: b"GET /a" + evil + b"b HTTP/1.1\r\nHost: h\r\n\r\n")
injection("an escaped path", lambda evil: b"GET /a" + b"".join(b"%%%02x" % b for b in evil) + b"b HTTP/1.1\r\nHost: h\r\n\r\n")
injection("a query", lambda evil: b"GET /a?b=" + evil + b"c HTTP/1.1\r\nHost: h\r\n\r\n")
injection("a method", lambda evil: b"GET" + evil + b" /a HTTP/1.1\r\nHost: h\r\n\r\n")
injection("a version", lambda evil: b"GET /a HTTP/1.1" + evil + b"\r\nHost: h\r\n\r\n")
injection("a host", lambda evil: b"GET /a HTTP/1.1\r\nHost: h" + evil + b"i\r\n\r\n")
injection("a user agent", lambda evil: b"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: a" + evil + b"b\r\n\r\n")
injection("a request's identifier", lambda evil: b"GET /a HTTP/1.1\r\nHost: h\r\nX-Request-Id: a" + evil + b"b\r\n\r\n")
injection("a traceparent", lambda evil: b"GET /a HTTP/1.1\r\nHost: h\r\nTraceparent: 00-" + evil + b"\r\n\r\n")
injection("a forwarded address", lambda evil: b"GET /a HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4" + evil + b"b\r\n\r\n")
injection("a model's raw name", raw_model)
injection("a model's escaped name", escaped_model, lambda evil: "ti" + evil.decode("latin-1") + "ny")


@test("what a trusted proxy says of the client cannot end a line either")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    listener = {"name": "public", "address": "127.0.0.1:0", "trusted_proxies": ["127.0.0.0/8"]}
    sluice = t.gateway(gateway.config([upstream.address], listeners=[listener]))
    for evil in INJECTED.values():
        client = t.connect(sluice)
        client.send(b"GET /a HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4" + evil + b", \xe2\x80\xa8\r\n\r\n")
        client.read_head()
        client.leave()
    whole(sluice, len(INJECTED))


@test("the path of an admin page and an exchange's identifier cannot end a line of the audit log")
def _(t):
    scene = Scene(t)
    tried = 0
    for evil in INJECTED.values():
        escaped = "".join(f"%{b:02X}" for b in evil)
        answered = scene.ask_admin("POST", f"/streams/a{escaped}b/kill")
        # An escaped NUL or backslash is no path, for this address as for the others.
        tried += not answered.startswith("HTTP/1.1 400 ")
    assert tried > 40, tried
    log = t.folder / "audit.log"
    process.wait_until(lambda: log.exists() and log.read_bytes().count(b"\n") >= tried, "the audit log is written")
    lines = log.read_bytes().decode().split("\n")[:-1]
    assert len(lines) == tried and all(json.loads(line)["action"] == "kill" for line in lines), lines
    assert not any(FORBIDDEN.search(line) for line in lines), lines


main()
