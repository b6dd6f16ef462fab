#!/usr/bin/python3
"""What arrives all at once, ends where a buffer does, or comes beside the stream: no byte of it is overlooked, and none
is taken for somebody else's."""

import array
import socket

from harness import downstream, frames, gateway, process
from harness.abuse import Attacker
from harness.http import EVENTS_HEAD, answer, chunk, event, request
from harness.suite import main, test

BUFFER = 65536  # what one read of an answer takes at most


def of_size(total):
    """An answer that has so many bytes, its head included."""
    empty = answer(b"")
    body = total - len(empty)
    body -= len(answer(b"x" * body)) - total  # the length's own digits
    whole = answer(b"x" * body)
    assert len(whole) == total, (len(whole), total)
    return whole


# Answers that end with the buffer ----------------------------------------------------------------------------------

for size in (BUFFER - 1, BUFFER, BUFFER + 1, 2 * BUFFER):

    @test(f"the connection of an answer of {size} bytes is kept for the next request")
    def _(t, size=size):
        backend = t.serving(lambda _, connection: connection.send(of_size(size)))
        sluice = t.gateway(gateway.config([backend.address]))
        client = t.connect(sluice)
        for _ in range(10):
            client.send(request(path="/v1/x"))
            assert client.read_response().status == 200
        assert backend.connections == 1, backend.connections


POISON = answer(b"nobody asked for this")

for size in (200, 60_000, BUFFER, 2 * BUFFER):
    for others in ("waits for the connection", "comes in the same turn"):

        @test(f"bytes behind an answer of {size} bytes are not the answer of a request that {others}")
        def _(t, size=size, waits=others.startswith("waits")):
            backend = t.upstream()
            sluice = t.gateway(gateway.config([backend.address], retry={"attempts": 1},
                                              pool={"max_connections": 1 if waits else 10}))
            first, second = t.connect(sluice), t.connect(sluice)
            first.send(request(path="/v1/first"))
            serving = backend.accept()
            serving.read_request()
            if waits:
                second.send(request(path="/v1/second"))
                sluice.wait_until(lambda: len(sluice.streams()) == 2, "the second request waits")
            with sluice.held():
                serving.send(of_size(size) + POISON)
                if not waits:
                    second.send(request(path="/v1/second"))
            assert first.read_response().status == 200
            fresh = backend.accept()
            assert fresh.read_request().target == "/v1/second"
            fresh.send(answer(b"the second's own"))
            assert second.read_response().body == b"the second's own"
            serving.expect_end()


@test("what an idle backend says unasked, in the turn of the next request, is not its answer")
def _(t):
    backend = t.upstream()
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    client.send(request(path="/v1/first"))
    serving = backend.accept()
    serving.read_request()
    serving.send(answer(b"first"))
    assert client.read_response().body == b"first"
    sluice.wait_idle()
    with sluice.held():
        client.send(request(path="/v1/second"))
        serving.send(POISON)
    fresh = backend.accept()
    assert fresh.read_request().target == "/v1/second"
    fresh.send(answer(b"second"))
    assert client.read_response().body == b"second"


# Events of one turn --------------------------------------------------------------------------------------------------

@test("an event for a connection that is given up does not complete the next one's connect")
def _(t):
    backend = t.upstream()
    # A backlog that is full: the kernel drops what asks for more, so that a connect never ends.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        routes = [{"name": name, "match": {"path": {"prefix": f"/{name}"}}, "clusters": [{"name": name}],
                   "timeouts": {"connect": "200ms"}, "retry": {"attempts": 1}} for name in ("events", "deaf")]
        clusters = [{"name": "events", "endpoints": [{"address": backend.address}]},
                    {"name": "deaf", "endpoints": [{"address": f"127.0.0.1:{deaf.getsockname()[1]}"}]}]
        sluice = t.gateway(gateway.config(clusters=clusters, routes=routes))
        client = Attacker(downstream.connect(t, sluice.address, downstream.H2C), "http")
        given_up = client.take_stream()
        client.send(client.head(stream=given_up, path="/events"))
        serving = backend.accept()
        serving.read_request()
        serving.send(EVENTS_HEAD + chunk(event("first")))
        while client.next_frame().type != frames.DATA:
            pass
        with sluice.held():
            client.send(frames.rst_stream(given_up), client.head(path="/deaf"))
            serving.send(chunk(event("second")))
        line = next(line for line in sluice.access_log(2) if line["path"] == "/deaf")
        assert (line["status"], line["error"]) == (504, "connect_timeout"), line
        client.wire.leave()
        for filler in fillers:
            filler.close()


# Beside the stream ---------------------------------------------------------------------------------------------------

HEAD = b"POST /v1/x HTTP/1.1\r\nHost: gateway\r\nContent-Length: 100\r\n\r\n"


def urgent(where, before, behind):
    @test(f"urgent data {where} of a request does not hide what comes behind it")
    def _(t):
        backend = t.serving(lambda got, connection: connection.send(answer(got.body)))
        sluice = t.gateway(gateway.config([backend.address]))
        client = t.connect(sluice)
        with sluice.held():
            client.send(before)
            client.socket.send(b"!", socket.MSG_OOB)
            client.send(behind)
        assert client.read_response().body == b"x" * 100


urgent("in the head", HEAD[:20], HEAD[20:] + b"x" * 100)
urgent("in the body", HEAD + b"x" * 50, b"x" * 50)


@test("urgent data in an answer does not hide what comes behind it")
def _(t):
    backend = t.upstream()
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    client.send(request(path="/v1/x"))
    serving = backend.accept()
    serving.read_request()
    whole = answer(b"x" * 100)
    with sluice.held():
        serving.send(whole[:-50])
        serving.socket.send(b"!", socket.MSG_OOB)
        serving.send(whole[-50:])
    assert client.read_response().body == b"x" * 100


@test("descriptors that a client of a Unix socket passes do not hide what comes behind them")
def _(t):
    backend = t.serving(lambda got, connection: connection.send(answer(got.body)))
    address = f"unix:{t.folder}/socket"
    sluice = t.gateway(gateway.config([backend.address], listeners=[{"name": "public", "address": address}]))
    client = t.connect(sluice)
    with sluice.held():
        client.socket.sendmsg([HEAD[:20]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
        client.send(HEAD[20:] + b"x" * 100)
    assert client.read_response().body == b"x" * 100


main()
