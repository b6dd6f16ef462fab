#!/usr/bin/python3
"""What operators see and do: health, metrics, state, the access log, tracing, ends, shards, kinds of listeners."""

import random
import re
import signal
import socket

from harness import gateway, process, wire
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request, usage_event)
from harness.suite import main, test


def one_exchange(sluice, upstream, client=None, backend=None, headers=(), answers=answer(b"{}")):
    """A whole exchange; gives the client, the backend, the request that the backend got and the answer."""
    client = client or process.connect(sluice.address)
    client.send(request(body=chat(), headers=headers))
    backend = backend or upstream.accept()
    asked = backend.read_request()
    backend.send(answers)
    return client, backend, asked, client.read_response()


# Pages ---------------------------------------------------------------------------------------------------------


@test("the admin pages list themselves, none is changed by what reads it, and none is served to clients")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=[
        {"match": {"path": {"prefix": "/v1/"}}, "clusters": [{"name": "models"}]}]))
    listed = [tuple(line.split()) for line in sluice.page("/")[2].splitlines()]
    readable = [path for method, path in listed if method == "GET"]
    assert set(readable) >= {"/live", "/ready", "/status", "/metrics", "/clusters", "/config", "/streams"}, listed
    for path in readable:
        status, headers, text = sluice.page(path)
        assert status == 200 and text and headers["cache-control"] == "no-store", (path, status)
        assert sluice.page(path, "HEAD")[2] == ""
        assert sluice.page(path, "POST")[0] == 405, path
        client = t.connect(sluice)
        client.send(request("GET", path))
        assert client.read_response().status == 404, path
    assert sluice.page("/nowhere")[0] == 404


@test("/config shows the configuration with every default, as print-config prints it")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    page = sluice.page("/config")[2]
    printed = t.program(process.BIN / "sluice", "print-config", sluice.command[2])
    assert printed.wait() == 0
    assert page == printed.stdout and upstream.address in page


@test("every metric has HELP and TYPE, every histogram adds up, and counters move with each exchange")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]), threads=2)
    before = sluice.metrics()
    client, backend, _, _ = one_exchange(sluice, upstream)
    client.send(request(body=chat(stream=True)))
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")) + chunk(usage_event(5, 1)) + chunk(DONE) + LAST_CHUNK)
    client.read_response()
    client.send(b"nonsense\r\n\r\n")
    client.read_to_end()
    sluice.access_log(3)
    after = sluice.metrics()
    assert after.check_histograms() > 0
    for family, kind in after.type.items():
        if kind == "counter":
            assert family.endswith("_total"), family
            assert after.sum(family) >= before.sum(family), family
    moved = {"sluice_requests_total": 3, "sluice_errors_total": 1, "sluice_upstream_attempts_total": 2,
             "sluice_upstream_connects_total": 1, "sluice_downstream_accepted_total": 1}
    for family, by in moved.items():
        assert after.sum(family) - before.sum(family) == by, (family, before.sum(family), after.sum(family))
    assert after.sum("sluice_requests_total", cluster="models", status="200") == 2
    assert after.sum("sluice_tokens_total", cluster="models", kind="completion") == 1
    assert after.sum("sluice_streams_open") == 0


@test("no client can add series to the metrics")
def _(t):
    upstream = t.upstream()
    routes = [{"match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)

    def mischief(i):
        client.send(request(path=f"/v1/{i}", body=chat(model=f"m{i}")))
        assert client.read_response().status == 404
        client.send(request(path=f"/{i}", body=b"x"))
        assert client.read_response().status == 404
    mischief(0)
    sluice.access_log(2)
    before = len(sluice.metrics().samples)
    for i in range(1, 100):
        mischief(i)
    sluice.access_log(200)
    assert len(sluice.metrics().samples) == before


@test("/clusters tells each endpoint's state, attempts, failures and requests in flight")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    endpoint = lambda: sluice.endpoints()[upstream.address]
    assert endpoint() == {"address": upstream.address, "weight": 1, "source": "static", "state": "available",
                          "in_flight": 0, "attempts": 0, "failures": 0}
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    assert (endpoint()["in_flight"], endpoint()["attempts"]) == (1, 1)
    backend.send(answer(b"{}"))
    client.read_response()
    sluice.wait_idle()
    assert (endpoint()["in_flight"], endpoint()["failures"]) == (0, 0)


@test("/streams shows a stream's state as it goes along, and its age")
def _(t):
    upstream = t.upstream()
    routes = [{"name": "tiny", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"},
               "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)
    whole = request(body=chat(stream=True), headers=[("X-Request-Id", "watched")])
    client.send(whole[:-5])
    reading = sluice.wait_state("reading_body")[0]
    assert (reading["id"], reading["method"], reading["path"]) == ("watched", "POST", "/v1/chat/completions")
    client.send(whole[-5:])
    backend = upstream.accept()
    backend.read_request()
    waiting = sluice.wait_state("waiting")[0]
    assert (waiting["route"], waiting["model"], waiting["cluster"]) == ("tiny", "tiny", "models"), waiting
    assert (waiting["endpoint"], waiting["attempts"]) == (upstream.address, 1), waiting
    backend.send(EVENTS_HEAD + chunk(event("a")))
    streaming = sluice.wait_state("streaming")[0]
    assert (streaming["response_bytes"], streaming["events"]) == (len(event("a")), 1), streaming
    assert reading["age_seconds"] <= waiting["age_seconds"] <= streaming["age_seconds"]
    backend.send(chunk(DONE) + LAST_CHUNK)
    client.read_response()
    sluice.wait_idle()


# The access log ------------------------------------------------------------------------------------------------


@test("an exchange is one line of JSON that says all about it")
def _(t):
    upstream = t.upstream()
    routes = [{"name": "tiny", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"},
               "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)
    body = request(path="/v1/chat/completions?key=secret", body=chat(stream=True), headers=[("X-Request-Id", "r-1")])
    client.send(body)
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a") + usage_event(5, 1) + DONE) + LAST_CHUNK)
    client.read_response()
    line = sluice.access_log(1)[0]
    wanted = {"id": "r-1", "protocol": "HTTP/1.1", "method": "POST", "path": "/v1/chat/completions", "route": "tiny",
              "model": "tiny", "cluster": "models", "endpoint": upstream.address, "status": 200, "attempts": 1,
              "stream": True, "prompt_tokens": 5, "completion_tokens": 1, "events": 1,
              "request_bytes": len(body.split(b"\r\n\r\n", 1)[1])}
    assert {k: line.get(k) for k in wanted} == wanted, line
    assert "error" not in line and 0 <= line["ttft_ms"] <= line["duration_ms"], line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
    assert line["peer"] == "%s:%d" % client.socket.getsockname(), line


@test("no prompt, answer, key, cookie or query reaches the access log")
def _(t):
    upstream = t.upstream()
    routes = [{"match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes,
                                      observability={"log": {"level": "debug"}}))
    secrets = [("Authorization", "Bearer SECRET-1"), ("Cookie", "c=SECRET-2"), ("X-Api-Key", "SECRET-3"),
               ("Proxy-Authorization", "SECRET-4")]
    client = t.connect(sluice)
    for fields in ({}, {"model": 5}, {"model": "unknown"}):
        client.send(request(path="/v1/x?k=SECRET-5", headers=secrets,
                            body=chat(**{"messages": [{"role": "user", "content": "SECRET-6"}]} | fields)))
        if not fields:
            backend = upstream.accept()
            backend.read_request()
            backend.send(answer(b"{\"a\":\"SECRET-7\"}", headers=[("Set-Cookie", "SECRET-8"),
                                                              ("Content-Type", "application/json")]))
        client.read_response()
    client.send(b"GET /SECRET-9?SECRET-10 HTTP/1.1\r\nAuthorization: SECRET-11\r\nBad Name: SECRET-12\r\n\r\n")
    client.read_to_end()
    sluice.access_log(4)
    assert b"SECRET" not in b"\n".join(sluice.access_lines()), sluice.access_lines()
    assert "SECRET" not in sluice.stderr + sluice.stdout


@test("whatever bytes a request has, it is one line of JSON in the access log")
def _(t):
    upstream = t.upstream()
    routes = [{"match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes, http={"idle_timeout": "10s"}))
    dice = random.Random(7)
    odd = ["\n", "\r", "\t", "\"", "\\", "\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\ud7ff", "é", "𝄞", "}",
           "\",\"status\":200,\"x\":\"", "%0a", "</script>"]
    count = 0
    for i in range(200):
        text = "".join(dice.choice(odd) for _ in range(dice.randint(1, 12)))
        escaped = "".join(f"%{b:02x}" for b in text.encode())
        client = t.connect(sluice)
        attempts = [request(path="/v1/" + escaped, body=chat(model=text)),
                    request(path="/v2/" + escaped, body=chat(model=text), headers=[("X-Request-Id", "é\"\\")]),
                    b"GET /" + text.encode() + b" HTTP/1.1\r\nHost: h\r\nX-Request-Id: " + text.encode() + b"\r\n\r\n",
                    dice.randbytes(40).replace(b"\n", b"") + b"\n\r\n"]
        client.send(attempts[i % 4])
        client.read_head()
        count += 1
        client.reset()
        lines = sluice.access_log(count)  # each parses, and there is one per request
        assert lines[-1]["status"] in (400, 404, 501, 505), lines[-1]
    for raw in sluice.access_lines():
        assert not re.search(rb"[\x00-\x1f\x7f]", raw), raw
        assert "\x85" not in raw.decode() and "\u2028" not in raw.decode(), raw


# Identity ------------------------------------------------------------------------------------------------------


@test("a traceparent is continued: the same trace, a new span, the same flags")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    given = [("Traceparent", f"00-{trace}-{span}-01"), ("Tracestate", "vendor=1")]
    _, _, asked, _ = one_exchange(sluice, upstream, headers=given)
    version, same, new, flags = asked.get("traceparent").split("-")
    assert (version, same, flags) == ("00", trace, "01") and new != span and re.fullmatch("[0-9a-f]{16}", new)
    assert asked.get("tracestate") == "vendor=1"
    assert sluice.access_log(1)[0]["trace_id"] == trace


@test("a request without a trace, or with a bad one, begins a new one")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = backend = None
    traces = set()
    bad = ["", "x", "00-" + "0" * 32 + "-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"]
    for value in bad:
        headers = [("Traceparent", value), ("Tracestate", "vendor=1")] if value else []
        client, backend, asked, _ = one_exchange(sluice, upstream, client, backend, headers)
        made = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[01]", asked.get("traceparent"))
        assert made and int(made.group(1), 16) and int(made.group(2), 16), asked.raw
        assert made.group(1) not in value and asked.get("tracestate") is None
        traces.add(made.group(1))
    assert len(traces) == len(bad)
    assert {line["trace_id"] for line in sluice.access_log(len(bad))} == traces


@test("a request's id goes to the backend, back to the client and into the log; Via marks both ways")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client, backend, asked, answered = one_exchange(sluice, upstream, headers=[("X-Request-Id", "my-id")])
    assert asked.get("x-request-id") == answered.get("x-request-id") == "my-id"
    assert asked.get("via") == answered.get("via") == "1.1 sluice"
    _, _, asked, answered = one_exchange(sluice, upstream, client, backend)
    made = asked.get("x-request-id")
    assert re.fullmatch("[0-9a-f]{32}", made) and answered.get("x-request-id") == made
    assert [line["id"] for line in sluice.access_log(2)] == ["my-id", made]
    for useless in ("x" * 200, "a b", "\xe9"):
        _, _, asked, _ = one_exchange(sluice, upstream, client, backend, [("X-Request-Id", useless)])
        assert re.fullmatch("[0-9a-f]{32}", asked.get("x-request-id")), asked.raw


@test("an error of the gateway's own carries the request's id and Via too")
def _(t):
    upstream = t.upstream()
    routes = [{"match": {"path": {"prefix": "/v1/"}}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=routes))
    client = t.connect(sluice)
    client.send(request(path="/nowhere", body=chat(), headers=[("X-Request-Id", "lost")]))
    answered = client.read_response()
    assert (answered.status, answered.get("x-request-id"), answered.get("via")) == (404, "lost", "1.1 sluice")


# Ends ----------------------------------------------------------------------------------------------------------


def can_connect(address):
    try:
        process.connect(address).leave()
        return True
    except OSError:
        return False


for threads in (1, 2):

    @test(f"SIGTERM lets running streams finish, refuses new connections and ends with 0 ({threads} shards)")
    def _(t, threads=threads):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]), threads=threads)
        clients = [t.connect(sluice) for _ in range(6)]
        idle = t.connect(sluice)
        backends = []
        for client in clients:
            client.send(request(body=chat(stream=True)))
            backends.append(upstream.accept())
            backends[-1].read_request()
            backends[-1].send(EVENTS_HEAD + chunk(event("a")))
            client.read_until(b"data: ")
        sluice.signal(signal.SIGTERM)
        idle.expect_end()
        sluice.wait_until(lambda: not can_connect(sluice.address), "new connections are refused")
        assert sluice.page("/ready")[0] == 503 and sluice.page("/live")[0] == 200
        for client, backend in zip(clients, backends):
            assert sluice.status() is None
            backend.send(chunk(event("b")) + chunk(DONE) + LAST_CHUNK)
            assert client.read_to_end().endswith(DONE + b"\r\n" + LAST_CHUNK), "the stream was cut"
        assert sluice.wait() == 0
        assert len(sluice.access_log(6)) == 6


@test("a request that waits for its answer at SIGTERM gets it, and its connection is closed")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    sluice.signal(signal.SIGTERM)
    sluice.wait_until(lambda: not can_connect(sluice.address), "new connections are refused")
    backend.send(answer(b"late"))
    answered = client.read_response()
    assert answered.body == b"late" and answered.get("connection") == "close", answered
    assert sluice.wait() == 0


for number in (signal.SIGTERM, signal.SIGINT):

    @test(f"a second {number.name} ends the gateway at once, with streams running")
    def _(t, number=number):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]), threads=2)
        client = t.connect(sluice)
        client.send(request(body=chat(stream=True)))
        backend = upstream.accept()
        backend.read_request()
        backend.send(EVENTS_HEAD + chunk(event("a")))
        client.read_until(b"data: ")
        sluice.signal(number)
        sluice.wait_until(lambda: not can_connect(sluice.address), "the gateway drains")
        assert sluice.status() is None
        sluice.signal(number)
        assert sluice.wait() == 0
        assert not client.read_to_end().endswith(LAST_CHUNK)
        backend.expect_end()
        assert len(sluice.access_log_of_the_ended()) == 1


@test("a gateway that is killed leaves its address free for the next one")
def _(t):
    upstream = t.upstream()
    port = process.free_port()
    listeners = [{"name": "public", "address": f"127.0.0.1:{port}"}]
    first = t.gateway(gateway.config([upstream.address], listeners=listeners), ends_with=-signal.SIGKILL)
    client = t.connect(first)
    client.send(request(body=chat()))
    upstream.accept().read_request()
    first.kill()
    client.read_to_end()
    second = t.gateway(gateway.config([upstream.address], listeners=listeners))
    client = t.connect(second)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"


# Shards and listeners ------------------------------------------------------------------------------------------


@test("two shards share the connections and tell one truth")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"{}")))
    sluice = t.gateway(gateway.config([backend.address]), threads=2)
    clients = [t.connect(sluice) for _ in range(64)]
    for client in clients:
        client.send(request(body=chat()))
    for client in clients:
        assert client.read_response().status == 200
    metrics = sluice.metrics()
    assert metrics.sum("sluice_requests_total", status="200") == 64
    assert metrics.sum("sluice_downstream_connections") == 64
    assert sluice.endpoints()[backend.address]["attempts"] == 64
    assert len(sluice.access_log(64)) == 64


@test("two shards both serve")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]), threads=2)
    for _ in range(64):
        client = t.connect(sluice)
        client.send(request(body=chat()))
        upstream.accept().read_request()
    assert {s["shard"] for s in sluice.wait_state("waiting", 64)} == {0, 1}


@test("a unix socket is served, and its file is not in the next start's way")
def _(t):
    upstream = t.upstream()
    path = str(t.folder / "s.sock")
    settings = gateway.config([upstream.address], listeners=[{"name": "local", "address": f"unix:{path}"}])
    for threads in (1, 2):
        sluice = t.gateway(settings, threads=threads, ends_with=-signal.SIGKILL)
        assert sluice.address == path
        client = t.connect(sluice)
        client.send(request(body=chat()))
        backend = upstream.accept()
        asked = backend.read_request()
        backend.send(answer(b"ok"))
        assert client.read_response().body == b"ok"
        assert "127.0.0.1" not in asked.get("x-forwarded-for"), asked.raw
        sluice.kill()


@test("a backend may listen on a unix socket")
def _(t):
    path = str(t.folder / "backend.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        listener.settimeout(process.PATIENCE)
        sluice = t.gateway(gateway.config([f"unix:{path}"]))
        client = t.connect(sluice)
        client.send(request(body=chat()))
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(process.PATIENCE)
            backend = wire.Wire(accepted)
            backend.read_request()
            backend.send(answer(b"ok"))
            assert client.read_response().body == b"ok"


@test("IPv6 is served, and IPv6 backends are used")
def _(t):
    upstream = t.upstream(host="::1")
    sluice = t.gateway(gateway.config([upstream.address], listeners=[{"name": "six", "address": "[::1]:0"}]), threads=2)
    assert sluice.address[0] == "::1"
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    asked = backend.read_request()
    assert asked.get("x-forwarded-for") == "::1", asked.raw
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"
    assert sluice.access_log(1)[0]["peer"].startswith("[::1]:")


@test("several listeners serve side by side, each with limits of its own")
def _(t):
    upstream = t.upstream()
    listeners = [{"name": "small", "address": "127.0.0.1:0", "http": {"max_body_bytes": "10B"}},
                 {"name": "large", "address": "127.0.0.1:0"}]
    sluice = t.gateway(gateway.config([upstream.address], listeners=listeners))
    small, large = t.connect(sluice.addresses[0]), t.connect(sluice.addresses[1])
    small.send(request(body=chat()))
    assert small.read_response().status == 413
    large.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert large.read_response().body == b"ok"


@test("connections above max_connections are closed at once, and counted")
def _(t):
    upstream = t.upstream()
    listeners = [{"name": "public", "address": "127.0.0.1:0", "max_connections": 2}]
    sluice = t.gateway(gateway.config([upstream.address], listeners=listeners))
    kept = [t.connect(sluice) for _ in range(2)]
    for client in kept:
        client.send(b"GET ")
    sluice.wait_until(lambda: sluice.metrics().sum("sluice_downstream_connections") == 2, "both are accepted")
    t.connect(sluice).expect_end()
    assert sluice.metrics().sum("sluice_downstream_refused_total") == 1
    kept[0].leave()
    sluice.wait_until(lambda: sluice.metrics().sum("sluice_downstream_connections") == 1, "one has left")
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"


@test("a trusted proxy's word about the client reaches the backend and the access log, a stranger's does not")
def _(t):
    fields = [("X-Forwarded-For", "6.6.6.6, 203.0.113.9"), ("X-Forwarded-Proto", "https")]
    for trusted, chain, proto, client_seen in (
            (["127.0.0.0/8"], "6.6.6.6, 203.0.113.9, 127.0.0.1", "https", "203.0.113.9"),
            ([], "127.0.0.1", "http", None)):
        upstream = t.upstream()
        listener = {"name": "public", "address": "127.0.0.1:0", "trusted_proxies": trusted}
        sluice = t.gateway(gateway.config([upstream.address], listeners=[listener]))
        client = t.connect(sluice)
        client.send(request(body=chat(), headers=fields))
        backend = upstream.accept()
        asked = backend.read_request()
        assert asked.get("x-forwarded-for") == chain, asked.raw
        assert asked.get("x-forwarded-proto") == proto, asked.raw
        backend.send(answer(b"ok"))
        assert client.read_response().body == b"ok"
        assert sluice.access_log(1)[0].get("client") == client_seen


main()
