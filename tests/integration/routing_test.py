#!/usr/bin/python3
"""Where requests go: routes, weights, retries, and connections that a backend closes under them."""

import collections
import json
import os
import re
import signal
import socket
import threading

from harness import gateway, process
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, openai_error, request)
from harness.suite import main, test


def named(name):
    """Answers every request with its own name."""
    return lambda _request, connection: connection.send(answer(json.dumps({"by": name}).encode()))


def ask(client, **fields):
    client.send(request(body=chat(**fields)))
    return client.read_response()


def split_config(a, b, weights):
    return gateway.config(
        clusters=[{"name": "a", "endpoints": [{"address": a.address}]},
                  {"name": "b", "endpoints": [{"address": b.address}]}],
        routes=[{"name": "tiny", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"},
                 "clusters": [{"name": "a", "weight": weights[0]}, {"name": "b", "weight": weights[1]}]}])


def split(threads):
    @test(f"weights of 90 and 10 split 1,000 requests on {threads} shard{'s' if threads > 1 else ''} within 2 per shard")
    def _(t):
        a, b = t.serving(named("a")), t.serving(named("b"))
        sluice = t.gateway(split_config(a, b, (90, 10)), threads=threads)
        clients = [t.connect(sluice) for _ in range(20)]
        got = collections.Counter()
        for i in range(1000):
            got[json.loads(ask(clients[i % 20]).body)["by"]] += 1
        # Each shard goes round on its own, so each may be off by its own rest.
        assert abs(got["a"] - 900) <= 2 * threads, got
        metrics = sluice.metrics()
        assert metrics.sum("sluice_requests_total", cluster="a", status="200") == got["a"]
        assert metrics.sum("sluice_requests_total", cluster="b", status="200") == got["b"]
        assert len(a.requests) == got["a"] and len(b.requests) == got["b"]


split(1)
split(2)


@test("a weight of 0 sends nothing")
def _(t):
    a, b = t.serving(named("a")), t.serving(named("b"))
    sluice = t.gateway(split_config(a, b, (1, 0)))
    client = t.connect(sluice)
    for _ in range(50):
        assert json.loads(ask(client).body) == {"by": "a"}
    assert b.connections == 0


for policy in ("ring_hash", "maglev"):

    @test(f"equal keys go to the same endpoint from any shard, and stay when another leaves ({policy})")
    def _(t, policy=policy):
        backends = {name: t.serving(named(name)) for name in "abc"}

        def settings(names):
            return gateway.config(
                clusters=[{"name": "models", "endpoints": [{"address": backends[n].address} for n in names],
                           "load_balancer": {"policy": policy, "hash_by": [
                               {"header": "x-session"}, {"member": "session"}, {"address": True}]}}],
                routes=[{"match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}])

        def targets():
            # A connection for each, so that both shards serve some.
            by_member = [json.loads(ask(t.connect(sluice), session=f"s{i}").body)["by"] for i in range(40)]
            by_header = []
            for i in range(40):
                client = t.connect(sluice)
                client.send(request(body=chat(session="another"), headers=[("X-Session", f"s{i}")]))
                by_header.append(json.loads(client.read_response().body)["by"])
            assert by_member == by_header, (by_member, by_header)
            return by_member

        sluice = t.gateway(settings("abc"), threads=2)
        before = targets()
        assert set(before) == set("abc") and targets() == before
        sluice.reload(settings("ab"))
        moved = [(old, new) for old, new in zip(before, targets()) if old != new]
        assert all(old == "c" for old, _ in moved) or (policy == "maglev" and len(moved) < 20), moved


def two_models(t):
    tiny, big = t.serving(named("tiny")), t.serving(named("big"))
    clusters = [{"name": "tiny", "endpoints": [{"address": tiny.address}]},
                {"name": "big", "endpoints": [{"address": big.address}]}]
    routes = [{"match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "tiny"}]},
              {"match": {"path": {"prefix": "/v1/"}, "model": ["big", "bigger"]}, "clusters": [{"name": "big"}]},
              {"match": {"path": {"exact": "/v1/models"}, "methods": ["GET"]}, "clusters": [{"name": "tiny"}]}]
    return tiny, big, t.gateway(gateway.config(clusters=clusters, routes=routes))


@test("the model that a body names decides the route")
def _(t):
    _, _, sluice = two_models(t)
    client = t.connect(sluice)
    for model, by in (("tiny", "tiny"), ("big", "big"), ("bigger", "big"), ("tiny", "tiny")):
        assert json.loads(ask(client, model=model).body) == {"by": by}


@test("a model written with escapes is the same model")
def _(t):
    _, _, sluice = two_models(t)
    client = t.connect(sluice)
    client.send(request(body=b"{\"messages\":[],\"mod\\u0065l\":\"\\u0074iny\"}"))
    assert json.loads(client.read_response().body) == {"by": "tiny"}


def refused(sentence, raw, status, code, param):
    @test(sentence)
    def _(t):
        tiny, big, sluice = two_models(t)
        client = t.connect(sluice)
        client.send(raw)
        answered = client.read_response()
        error = openai_error(answered)
        assert (answered.status, error["code"], error["param"]) == (status, code, param), answered.raw
        assert error["type"] == "invalid_request_error"
        # The request was sound HTTP, so the connection serves the next one.
        assert json.loads(ask(client).body) == {"by": "tiny"}
        assert (len(tiny.requests), len(big.requests)) == (1, 0)


refused("an unknown model is answered with 404 and model_not_found", request(body=chat(model="nope")), 404,
        "model_not_found", "model")
refused("a body without a model is answered with 400 and the parameter's name",
        request(body={"messages": []}), 400, None, "model")
refused("an empty model is answered with 400", request(body=chat(model="")), 400, None, "model")
refused("a model that is no text is answered with 400", request(body=chat(model=5)), 400, None, "model")
refused("a model given twice is answered with 400", request(body=b"{\"model\":\"tiny\",\"model\":\"big\"}"), 400, None,
        "model")
refused("a body that is not JSON is answered with 400", request(body=b"{\"model\":"), 400, None, None)
refused("a body that is not an object is answered with 400", request(body=b"[1]"), 400, None, None)
refused("an empty body is answered with 400", request(body=b""), 400, None, "model")
refused("an unknown path is answered with 404", request(path="/v2/x", body=chat()), 404, "unknown_url", None)
refused("an encoded body cannot be routed by its model and is answered with 415",
        request(body=b"\x1f\x8b", headers=[("Content-Encoding", "gzip")]), 415, None, None)


@test("a method that no route takes is answered with 405 and the methods that exist")
def _(t):
    backend = t.serving(named("a"))
    routes = [{"match": {"path": {"exact": "/v1/models"}, "methods": ["GET"]}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([backend.address], routes=routes))
    client = t.connect(sluice)
    client.send(request("DELETE", "/v1/models"))
    answered = client.read_response()
    assert answered.status == 405 and openai_error(answered)["code"] == "method_not_allowed", answered
    assert answered.get("allow"), answered.raw
    client.send(request("GET", "/v1/models"))
    assert client.read_response().status == 200
    assert len(backend.requests) == 1


# Retries -------------------------------------------------------------------------------------------------------


def dead_address():
    """Nobody listens there: the socket is bound, so nobody else can, and does not listen."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s, f"127.0.0.1:{s.getsockname()[1]}"


for policy in ("round_robin", "least_loaded"):

    @test(f"an endpoint that is dead from the start costs no request ({policy})")
    def _(t, policy=policy):
        alive = t.serving(named("alive"))
        holder, dead = dead_address()
        with holder:
            cluster = {"name": "models", "endpoints": [{"address": dead}, {"address": alive.address}],
                       "load_balancer": {"policy": policy}}
            sluice = t.gateway(gateway.config(clusters=[cluster]))
            client = t.connect(sluice)
            for _ in range(100):
                assert ask(client).status == 200
            endpoints = sluice.endpoints()
            assert endpoints[alive.address]["failures"] == 0 and endpoints[dead]["failures"] >= 1, endpoints
            assert endpoints[dead]["state"] == "avoided", endpoints
            # It is avoided after its first failure, not asked in vain each time.
            assert endpoints[dead]["attempts"] < 20, endpoints
            assert sluice.metrics().sum("sluice_retries_total") == endpoints[dead]["failures"]


@test("a cluster whose endpoints are all dead is answered with 503 and Retry-After")
def _(t):
    holder, dead = dead_address()
    with holder:
        sluice = t.gateway(gateway.config([dead]))
        client = t.connect(sluice)
        answered = ask(client)
        assert answered.status == 503 and answered.get("retry-after"), answered
        assert openai_error(answered)["type"] == "api_error"
        line = sluice.access_log(1)[0]
        assert (line["attempts"], line["error"], line["fault"]) == (3, "connect_failed", "upstream"), line


@test("attempts: 1 turns retries off")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 1}))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.leave()
    assert client.read_response().status == 502
    assert upstream.nobody_waits()


@test("a backend that closes before any byte of its answer is tried elsewhere, with the same bytes")
def _(t):
    bad, good = t.upstream(), t.upstream()
    cluster = {"name": "models", "endpoints": [{"address": bad.address}, {"address": good.address}],
               "load_balancer": {"policy": "round_robin"}}
    # A route that asks for a model reads the body first, and may so send it twice whatever its size.
    routes = [{"match": {"path": {"prefix": "/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config(clusters=[cluster], routes=routes))
    client = t.connect(sluice)
    client.send(request(body=chat(padding="x" * 1_000_000)))
    first = bad.accept()
    sent_first = first.read_request()
    first.leave()
    second = good.accept()
    sent_second = second.read_request()
    second.send(answer(b"ok"))
    assert client.read_response().body == b"ok"
    assert sent_first.raw == sent_second.raw
    assert sluice.access_log(1)[0]["attempts"] == 2


@test("a backend that answers is not tried again, whatever its status")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"{}", "500 Internal Server Error")))
    sluice = t.gateway(gateway.config([backend.address]))
    assert ask(t.connect(sluice)).status == 500
    assert len(backend.requests) == 1


@test("a backend that dies behind its stream's head, before the first event, is tried elsewhere")
def _(t):
    bad, good = t.upstream(), t.upstream()
    cluster = {"name": "models", "endpoints": [{"address": bad.address}, {"address": good.address}],
               "load_balancer": {"policy": "round_robin"}}
    sluice = t.gateway(gateway.config(clusters=[cluster]))
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    first = bad.accept()
    first.read_request()
    first.send(EVENTS_HEAD)
    first.leave()
    second = good.accept()
    second.read_request()
    second.send(EVENTS_HEAD + chunk(event("a") + DONE) + LAST_CHUNK)
    assert client.read_response().body == event("a") + DONE


@test("a request whose body was passed on as it came is not sent twice")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc") + LAST_CHUNK)
    backend = upstream.accept()
    backend.read_request()
    backend.leave()
    assert client.read_response().status == 502
    assert upstream.nobody_waits()


BACKEND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mortal_backend.py")


@test("killing one of two backends under load costs no request whose answer had not begun")
def _(t):
    backends = []
    for name in ("a", "b"):
        begun = t.folder / f"begun-{name}"
        listener = process.listen()
        program = t.program("/usr/bin/python3", BACKEND, str(listener.fileno()), str(begun),
                            pass_fds=[listener.fileno()])
        host, port = listener.getsockname()
        listener.close()
        backends.append((program, f"{host}:{port}", begun))
    process.wait_until(lambda: all(begun.exists() for _, _, begun in backends), "both backends serve")
    sluice = t.gateway(gateway.config([address for _, address, _ in backends]), threads=2)

    results, lock = {}, threading.Lock()
    half_way = threading.Event()

    def load(worker):
        client = process.connect(sluice.address)
        for i in range(40):
            name = f"{worker}-{i}"
            try:
                client.send(request(body=chat(), headers=[("X-Request-Id", name)]))
                outcome = client.read_response().status
            except (EOFError, OSError):
                outcome = "cut"
                client.leave()
                client = process.connect(sluice.address)
            with lock:
                results[name] = outcome
                if len(results) > 200:
                    half_way.set()
        client.leave()

    threads = [threading.Thread(target=load, args=(w,)) for w in range(16)]
    for thread in threads:
        thread.start()
    assert half_way.wait(process.PATIENCE)
    program, dead, begun = backends[0]
    program.signal(signal.SIGKILL)
    for thread in threads:
        thread.join(process.PATIENCE)
    assert len(results) == 16 * 40
    had_begun = set(begun.read_text().split())
    lost = {name: outcome for name, outcome in results.items() if outcome != 200 and name not in had_begun}
    told = [line for line in map(json.loads, sluice.access_lines()) if line["id"] in lost]
    assert not lost, told
    assert sluice.endpoints()[dead]["failures"] >= 1


# Kept-alive connections ----------------------------------------------------------------------------------------


@test("an idle connection is closed by the gateway before the backend's five seconds are over")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], pool={"idle_timeout": "200ms"}))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().status == 200
    backend.expect_end()
    shown = gateway.config([upstream.address])
    # The default is below vLLM's 5 s, whose backends would otherwise close under a request.
    default = re.search(r"idle_timeout: \"?([0-9.]+)s", t.gateway(shown).page("/config")[2].split("clusters:")[1])
    assert default and float(default.group(1)) < 5, default


@test("a pool that is asked to has its connections open before the first request, on each shard")
def _(t):
    backend = t.serving(named("warm"))
    sluice = t.gateway(gateway.config(
        clusters=[{"name": "models", "endpoints": [{"address": backend.address}], "pool": {"prewarm": 3}}],
        routes=[{"match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}]), threads=2)
    sluice.wait_until(lambda: sluice.metrics().sum("sluice_upstream_connections_idle") >= 6, "the pools are warm")
    # The kernel connects before the backend's thread gets to accept.
    sluice.wait_until(lambda: backend.connections >= 6, "the backend has seen the connections")
    assert not backend.requests
    assert json.loads(ask(t.connect(sluice)).body) == {"by": "warm"}
    assert sluice.metrics().sum("sluice_upstream_prewarms_total") >= 6


@test("a connection is used again and again while it is warm")
def _(t):
    backend = t.serving(named("a"))
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    for _ in range(50):
        assert ask(client).status == 200
    assert backend.connections == 1


@test("a backend that closes its connection after every answer costs no request")
def _(t):
    def closing(_, connection):
        connection.send(answer(b"{}"))  # and does not say so
        return "close"

    backend = t.serving(closing)
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    for _ in range(300):
        assert ask(client).status == 200
    assert len(backend.requests) == 300
    assert sluice.endpoints()[backend.address]["state"] == "available"


@test("a backend that announces the end of its connection gets a new one for the next request")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    for i in range(3):
        client.send(request(body=chat()))
        backend = upstream.accept()
        backend.read_request()
        backend.send(answer(b"ok", headers=[("Connection", "close")]))
        answered = client.read_response()
        assert answered.body == b"ok" and answered.get("connection") is None, answered
        backend.expect_end()


@test("a request that meets a connection being closed is sent once more, also with attempts left for nothing else")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], retry={"attempts": 2}))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"
    client.send(request(body=chat()))
    backend.read_request()  # the request has arrived on the kept-alive connection
    backend.leave()
    fresh = upstream.accept()
    fresh.read_request()
    fresh.send(answer(b"again"))
    assert client.read_response().body == b"again"
    assert sluice.endpoints()[upstream.address]["state"] == "available"


@test("however many kept-alive connections close under a request, it reaches a fresh one")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    clients, warm = [t.connect(sluice) for _ in range(5)], []
    for client in clients:
        client.send(request(body=chat()))
        warm.append(upstream.accept())
        warm[-1].read_request()
    for backend in warm:
        backend.send(answer(b"ok"))
    for client in clients:
        assert client.read_response().body == b"ok"
    # As when the backend is killed: the request has been written to a connection that ends without an answer, and
    # whichever warm one is tried next ends in the same way.
    clients[0].send(request(body=chat()))

    def fresh_connection():
        for backend in [b for b in warm if b.has_news()]:
            backend.read_to_end_of_request()
            backend.leave()
            warm.remove(backend)
        assert not clients[0].has_news(), clients[0].read_response().raw
        return not upstream.nobody_waits()
    process.wait_until(fresh_connection, "the request is on a fresh connection")
    fresh = upstream.accept()
    fresh.read_request()
    fresh.send(answer(b"again"))
    assert clients[0].read_response().body == b"again"


@test("requests above max_connections wait for their turn, and above max_waiting get 503")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], pool={"max_connections": 1, "max_waiting": 1},
                                      retry={"attempts": 1}))
    first, second, third = (t.connect(sluice) for _ in range(3))
    first.send(request(body=chat(), path="/v1/first"))
    backend = upstream.accept()
    backend.read_request()
    second.send(request(body=chat(), path="/v1/second"))
    sluice.wait_state("queued")
    third.send(request(body=chat()))
    answered = third.read_response()
    assert answered.status == 503 and openai_error(answered)["code"] == "overloaded", answered
    backend.send(answer(b"1"))
    assert first.read_response().body == b"1"
    assert backend.read_request().target == "/v1/second"
    backend.send(answer(b"2"))
    assert second.read_response().body == b"2"


@test("requests above limits.max_streams get 503")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], limits={"max_streams": 1}))
    first, second = t.connect(sluice), t.connect(sluice)
    first.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    answered = ask(second)
    assert answered.status == 503 and answered.get("retry-after"), answered
    backend.send(answer(b"ok"))
    assert first.read_response().body == b"ok"


main()
