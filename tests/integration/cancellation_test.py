#!/usr/bin/python3
"""A client that leaves takes its work with it: the backend's connection closes, whatever the exchange waited for."""

from harness import gateway, process, wire, worker
from harness.http import EVENTS_HEAD, answer, chat, chunk, event, request
from harness.suite import main, test

BY_MODEL = [{"name": "tiny", "match": {"path": {"prefix": "/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]

# The ways to leave. A client that only ends its sending side has left too: no client of a model waits for an
# answer behind a half-closed connection, and the gateway could not tell it from one whose host has died.
WAYS = {"closes": wire.Wire.leave, "resets": wire.Wire.reset, "half-closes": wire.Wire.half_close}


def gone(sluice, upstream):
    """Nothing of the exchange is left in the gateway."""
    sluice.wait_idle()
    assert sluice.endpoints()[upstream.address]["in_flight"] == 0
    line = sluice.access_log(1)[0]
    assert line["error"] == "client_gone" and line["fault"] == "downstream", line
    return line


for verb, leave in WAYS.items():

    @test(f"a client that {verb} while it sends a body that is read first leaves nothing behind")
    def _(t, leave=leave):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
        client = t.connect(sluice)
        client.send(request(body=b"{" + b" " * 100_000)[:-50_000])
        sluice.wait_state("reading_body")
        leave(client)
        assert gone(sluice, upstream)["status"] in (499, 400)
        assert upstream.nobody_waits()

    @test(f"a client that {verb} while its body is passed on leaves the backend with an unfinished request")
    def _(t, leave=leave):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"abc"))
        backend = upstream.accept()
        backend.read_until(b"abc\r\n")
        leave(client)
        backend.expect_end()
        gone(sluice, upstream)

    @test(f"a client that {verb} while it waits for the answer ends the backend's work")
    def _(t, leave=leave):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(request(body=chat()))
        backend = upstream.accept()
        backend.read_request()
        sluice.wait_state("waiting")
        leave(client)
        backend.expect_end()
        assert gone(sluice, upstream)["status"] == 499

    @test(f"a client that {verb} while its answer streams ends the backend's work")
    def _(t, leave=leave):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(request(body=chat(stream=True)))
        backend = upstream.accept()
        backend.read_request()
        backend.send(EVENTS_HEAD + chunk(event("a")))
        client.read_until(b"data: ")
        leave(client)
        backend.expect_end()
        line = gone(sluice, upstream)
        assert line["status"] == 200 and line["events"] == 1, line

    @test(f"a client that {verb} while it does not read its answer ends the backend's work")
    def _(t, leave=leave):
        def flood(_, connection):
            connection.send(EVENTS_HEAD)
            while True:
                connection.send(chunk(b"data: " + b"x" * 60_000 + b"\n\n"))

        backend = t.serving(flood)
        sluice = t.gateway(gateway.config([backend.address]))
        client = t.connect(sluice)
        client.send(request(body=chat(stream=True)))

        def stalled():
            before = sluice.streams()
            after = sluice.streams()
            return before and after and before[0]["response_bytes"] == after[0]["response_bytes"] > 100_000
        sluice.wait_until(stalled, "the answer has filled the client's window")
        leave(client)
        gone(sluice, backend)

    @test(f"a client that {verb} with requests pipelined behind its first one ends the backend's work")
    def _(t, leave=leave):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(request(body=chat()) * 20)
        backend = upstream.accept()
        backend.read_request()
        sluice.wait_state("waiting")
        leave(client)
        backend.expect_end()
        gone(sluice, upstream)
        assert upstream.nobody_waits()


def leaves_behind_pipelined_body(size, leave):
    def run(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        client = t.connect(sluice)
        client.send(request(body=chat()))
        backend = upstream.accept()
        backend.read_request()
        sluice.wait_state("waiting")
        # As much as the kernels hold; what is left over is not waited for, as a client that dies does not.
        client.socket.setblocking(False)
        rest = memoryview(request(body=b"x" * size))
        try:
            while rest:
                rest = rest[client.socket.send(rest):]
        except BlockingIOError:
            pass
        leave(client)
        backend.expect_end()
        gone(sluice, upstream)
    return run


for verb, leave in WAYS.items():
    test(f"a client that {verb} behind 50 KB of a pipelined request ends the backend's work")(
        leaves_behind_pipelined_body(50_000, leave))
# Only a reset gets past megabytes that nobody reads.
test("a client that resets behind 3000 KB of a pipelined request ends the backend's work")(
    leaves_behind_pipelined_body(3_000_000, wire.Wire.reset))


@test("a client that leaves while it waits for a connection to the backend gives up its place")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], pool={"max_connections": 1}))
    first, second = t.connect(sluice), t.connect(sluice)
    first.send(request(body=chat(), path="/v1/first"))
    backend = upstream.accept()
    backend.read_request()
    second.send(request(body=chat(), path="/v1/second"))
    sluice.wait_state("queued")
    second.leave()
    sluice.wait_until(lambda: len(sluice.streams()) == 1, "the second has left")
    backend.send(answer(b"ok"))
    assert first.read_response().body == b"ok"
    first.send(request(body=chat(), path="/v1/third"))
    assert backend.read_request().target == "/v1/third"
    backend.send(answer(b"ok"))
    assert first.read_response().body == b"ok"


@test("a hundred clients that leave at the same moment leave nothing behind")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]), threads=2)
    clients = [t.connect(sluice) for _ in range(100)]
    backends = []
    for client in clients:
        client.send(request(body=chat(stream=True)))
    for _ in clients:
        backends.append(upstream.accept())
        backends[-1].read_request()
    for backend in backends[:50]:
        backend.send(EVENTS_HEAD + chunk(event("a")))
    for client in clients:
        client.leave()
    for backend in backends:
        backend.expect_end()
    sluice.wait_idle()
    assert all(line["error"] == "client_gone" for line in sluice.access_log(100))
    assert sluice.metrics().sum("sluice_errors_total", kind="client_gone") == 100
    assert sluice.metrics().sum("sluice_downstream_connections") == 0


@test("the next request is served on a fresh connection after a client has left")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    client.leave()
    backend.expect_end()
    client = t.connect(sluice)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"


@test("the bundled worker stops running the requests of clients that have left")
def _(t):
    model = worker.start(t, "--step-interval-ms", "20")
    sluice = t.gateway(gateway.config([model.address]))
    streaming, waiting = [t.connect(sluice) for _ in range(4)], [t.connect(sluice) for _ in range(4)]
    for client in streaming:
        client.send(request(body=chat(stream=True, max_tokens=400, ignore_eos=True)))
    for client in waiting:
        client.send(request(body=chat(max_tokens=400, ignore_eos=True)))
    for client in streaming:
        client.read_until(b"data: ")
    process.wait_until(lambda: model.running() == 8, "the worker runs all eight")
    for client in streaming + waiting:
        client.leave()
    process.wait_until(lambda: model.running() == 0, "vllm:num_requests_running falls to 0")
    sluice.wait_idle()


main()
