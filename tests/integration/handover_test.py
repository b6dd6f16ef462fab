#!/usr/bin/python3
"""A new process takes the old one's place under clients that notice nothing; sockets passed by a service manager."""

import json
import os
import pathlib
import shutil
import signal
import threading
import time

from harness import clients, downstream, frames, gateway, process
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request)
from harness.suite import main, test

# How many handovers the load test does: few among the ordinary tests, 50 in scripts/nightly.
HANDOVERS = int(os.environ.get("SLUICE_TEST_HANDOVERS", "5"))


def ask(client, **fields):
    client.send(request(body=chat(**fields)))
    return client.read_response()


def named(t, name):
    """A backend that answers with its name."""
    return t.serving(lambda _r, c: c.send(answer(name)))


def wait_ended(running):
    process.wait_until(running.ended, f"process {running.pid} ends")


@test("SIGUSR2 puts a new process, with the file as it is now, in the old one's place at the same addresses")
def _(t):
    one, two = named(t, b"one"), named(t, b"two")
    sluice = t.gateway(gateway.config([one.address]), threads=2)
    assert ask(t.connect(sluice)).body == b"one"
    sluice.configure(gateway.config([two.address]))
    wait_ended(sluice.hand_over())
    assert {ask(t.connect(sluice)).body for _ in range(8)} == {b"two"}
    assert sluice.page("/ready")[0] == 200 and two.address in sluice.page("/config")[2]


@test("the old process's streams run to their end, its idle connections close, and then it ends")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    idle = t.connect(sluice)
    idle.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"x"))
    idle.read_response()
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")))
    client.read_until(b"data: ")
    old = sluice.hand_over()
    assert idle.read_to_end() == b""
    fresh = t.connect(sluice)
    fresh.send(request(body=chat()))
    other = upstream.accept()
    other.read_request()
    other.send(answer(b"new"))
    assert fresh.read_response().body == b"new" and not old.ended()
    backend.send(chunk(event("b")) + chunk(DONE) + LAST_CHUNK)
    client.read_until(b"[DONE]")
    wait_ended(old)
    assert len(sluice.access_log(3)) == 3


for protocol in downstream.HTTP2:

    @test(f"an HTTP/2 client gets the rest of its answer from the old process, and GOAWAY ({protocol.name})")
    def _(t, protocol=protocol):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], listeners=[protocol.listener()]))
        client = clients.Http2Client(t, sluice.address, protocol)
        streaming = client.begin(body=json.dumps(chat(stream=True)).encode())
        backend = upstream.accept()
        backend.read_request()
        backend.send(EVENTS_HEAD + chunk(event("a")))
        assert streaming.read_head().status == 200
        assert streaming.read(len(event("a"))) == event("a")
        old = sluice.hand_over()
        # Two GOAWAY: the second, when the client has answered a PING, names the last stream that is served.
        while client.connection.goaway is None or client.connection.goaway.last_stream != 1:
            client.connection.pump()
        assert client.connection.goaway.error == frames.NO_ERROR
        fresh = clients.Http2Client(t, sluice.address, protocol)
        asked = fresh.begin(body=json.dumps(chat()).encode())
        other = upstream.accept()
        other.read_request()
        other.send(answer(b"new"))
        assert asked.read_head().status == 200 and asked.read_to_end() == b"new"
        assert fresh.connection.goaway is None and not old.ended()
        backend.send(chunk(event("b")) + chunk(DONE) + LAST_CHUNK)
        assert streaming.read_to_end() == event("b") + DONE
        client.connection.wait_end()
        wait_ended(old)
        again = fresh.begin(body=json.dumps(chat()).encode())
        other.read_request()
        other.send(answer(b"same connection"))
        assert again.read_head().status == 200 and again.read_to_end() == b"same connection"


@test("a successor that fails to start changes nothing, and the log says why")
def _(t):
    backend = named(t, b"still here")
    settings = gateway.config([backend.address])
    sluice = t.gateway(settings)
    client = t.connect(sluice)
    for i in range(2):
        sluice.configure("version: 1\nlistners: []\n")
        sluice.signal(signal.SIGUSR2)
        said = sluice.wait_until(lambda: sluice.said("handover failed, this process goes on")[i:], "it fails")[0]
        assert "ended with status 2" in said["problem"], said
        assert ask(client).body == b"still here" and sluice.page("/ready")[0] == 200
    sluice.configure(settings)
    wait_ended(sluice.hand_over())
    assert ask(t.connect(sluice)).body == b"still here"


@test("a program that was exchanged on disk is the one that is started")
def _(t):
    backend = named(t, b"x")
    program, upgraded = t.folder / "sluice", t.folder / "sluice-2"
    program.symlink_to(process.BIN / "sluice")
    sluice = t.gateway(gateway.config([backend.address]), program=program)
    shutil.copy(process.BIN / "sluice", upgraded)
    program.unlink()
    program.symlink_to(upgraded)
    wait_ended(sluice.hand_over())
    assert ask(t.connect(sluice)).body == b"x"
    running = pathlib.Path(f"/proc/{sluice.said('successor accepts')[0]['pid']}")
    assert os.readlink(running / "exe") == str(upgraded)
    assert running.joinpath("cmdline").read_bytes().split(b"\0")[1:3] == [b"--config", str(sluice.file).encode()]


@test("a handover keeps a unix socket's file, and closes the sockets of listeners that are no longer there")
def _(t):
    backend = named(t, b"x")
    path, port = str(t.folder / "s"), process.free_port()
    listeners = [{"name": "local", "address": f"unix:{path}"}, {"name": "gone", "address": f"127.0.0.1:{port}"}]
    sluice = t.gateway(gateway.config([backend.address], listeners=listeners), threads=2)
    assert ask(t.connect(("127.0.0.1", port))).status == 200
    sluice.configure(gateway.config([backend.address], listeners=listeners[:1]))
    wait_ended(sluice.hand_over())
    assert ask(t.connect(path)).body == b"x"
    try:
        process.connect(("127.0.0.1", port))
    except ConnectionRefusedError:
        pass
    else:
        raise AssertionError("the listener is still there")
    assert sluice.said("inherited sockets without a listener closed")[0]["sockets"] == 2


for threads in (1, 2):

    @test(f"sockets passed by a service manager are served, with {threads} shards")
    def _(t, threads=threads):
        backend = named(t, b"x")
        by_address, by_name = process.listen(), process.listen()
        port = by_address.getsockname()[1]
        listeners = [{"name": "public", "address": f"127.0.0.1:{port}"}, {"name": "named", "address": "127.0.0.1:0"}]
        sluice = t.gateway(gateway.config([backend.address], listeners=listeners), threads=threads,
                           sockets=[("unknown", by_address), ("named", by_name)])
        addresses = [by_address.getsockname(), by_name.getsockname()]
        by_address.close()
        by_name.close()
        assert sluice.addresses == addresses, sluice.addresses
        for address in addresses:
            assert {ask(t.connect(address)).body for _ in range(8)} == {b"x"}


class Load:
    """Clients that open a connection for each request, and clients that stream across handovers."""

    def __init__(self, address, clients, streams):
        self.address = address
        self.requests = self.streams = 0
        self.failures = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        work = [self._ask] * clients + [self._stream] * streams
        self._threads = [threading.Thread(target=self._run, args=(f,)) for f in work]
        for thread in self._threads:
            thread.start()

    def _run(self, work):
        try:
            while not self._stop.is_set():
                work()
        except Exception as error:  # told by the test
            self.failures.append(repr(error))

    def _ask(self):
        client = process.connect(self.address)
        try:
            got = ask(client)
        finally:
            client.leave()
        assert got.status == 200, got
        with self._lock:
            self.requests += 1

    def _stream(self):
        client = process.connect(self.address)
        try:
            got = ask(client, stream=True)
        finally:
            client.leave()
        assert got.status == 200 and got.body.endswith(DONE), got
        with self._lock:
            self.streams += 1

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@test(f"{HANDOVERS} handovers under load: no connection is refused, no stream cut, no log line lost")
def _(t):
    def serve(got, connection):
        if not json.loads(got.body)["stream"]:
            connection.send(answer(b"{}"))
            return
        connection.send(EVENTS_HEAD)
        for i in range(40):
            connection.send(chunk(event(f"t{i}")))
            time.sleep(0.02)
        connection.send(chunk(DONE) + LAST_CHUNK)

    backend = t.serving(serve)
    sluice = t.gateway(gateway.config([backend.address]), threads=2)
    load = Load(sluice.address, 4, 8)
    took, old = [], []
    for _ in range(HANDOVERS):
        began = time.monotonic()
        old.append(sluice.hand_over())
        took.append(1000 * (time.monotonic() - began))
        wait_ended(old[-1])
    load.stop()
    took.sort()
    print(f"    {HANDOVERS} handovers, {load.requests} connections with a request each, {load.streams} streams, "
          f"{len(load.failures)} failed; ms until the successor accepts: median {took[len(took) // 2]:.0f}, "
          f"max {took[-1]:.0f}", flush=True)
    assert not load.failures, load.failures
    sluice.signal(signal.SIGTERM)
    sluice.wait()
    lines = [json.loads(line) for line in sluice.access_lines()]
    assert len(lines) == load.requests + load.streams, (len(lines), load.requests, load.streams)
    assert not any("error" in line for line in lines)


main()
