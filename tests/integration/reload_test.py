#!/usr/bin/python3
"""The configuration changed under a gateway that serves: what changes, what stays, and what a bad file does."""

import os
import signal
import threading
import time

from harness import gateway, process
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request)
from harness.suite import main, test

# How often the load test reloads: few times among the ordinary tests, 1,000 in scripts/nightly.
RELOADS = int(os.environ.get("SLUICE_TEST_RELOADS", "60"))


def ask(client, **fields):
    client.send(request(body=chat(**fields)))
    return client.read_response()


def can_connect(address):
    try:
        process.connect(address).leave()
        return True
    except OSError:
        return False


def named(t, name):
    """A backend that answers with its name."""
    return t.serving(lambda _r, c: c.send(answer(name)))


# What changes, what stays ----------------------------------------------------------------------------------------


@test("SIGHUP puts the file in force: new requests on open connections go to the new cluster")
def _(t):
    one, two = named(t, b"one"), named(t, b"two")
    sluice = t.gateway(gateway.config([one.address]), threads=2)
    clients = [t.connect(sluice) for _ in range(8)]
    assert {ask(c).body for c in clients} == {b"one"}
    report = sluice.reload(gateway.config([two.address]))
    assert (report["message"], report["generation"], report["by"]) == ("configuration reloaded", 2, "SIGHUP"), report
    assert {ask(c).body for c in clients} == {b"two"}
    assert two.address in sluice.page("/config")[2]
    metrics = sluice.metrics()
    assert metrics.sum("sluice_config_generation") == 2
    assert metrics.sum("sluice_config_reloads_total", result="ok") == 1


@test("a stream keeps the configuration it began with, to its last byte")
def _(t):
    upstream, other = t.upstream(), named(t, b"other")
    sluice = t.gateway(gateway.config([upstream.address], timeouts={"between_tokens": "30s"}))
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")))
    client.read_until(b"data: ")
    for i in range(3):
        settings = gateway.config([other.address], timeouts={"between_tokens": f"{100 + i}ms"})
        assert sluice.reload(settings)["message"] == "configuration reloaded"
        backend.send(chunk(event(f"b{i}")))
        client.read_until(f"b{i}".encode())
    backend.send(chunk(DONE) + LAST_CHUNK)
    client.read_until(b"[DONE]")
    assert sluice.access_log(1)[0]["endpoint"] == upstream.address
    assert ask(t.connect(sluice)).body == b"other"


@test("a file that says the same changes nothing and is told apart")
def _(t):
    backend = named(t, b"x")
    settings = gateway.config([backend.address])
    sluice = t.gateway(settings)
    report = sluice.reload(settings)
    assert (report["message"], report["generation"]) == ("configuration unchanged", 1), report


@test("a bad file changes nothing, and the log says why with line and column")
def _(t):
    backend = named(t, b"still here")
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    for bad in ("version: 1\nlistners: []\n", "a: [", "", "version: 1\nlisteners:\n  - {name: x, address: nonsense}\n"):
        report = sluice.reload(bad)
        assert (report["message"], report["generation"]) == ("configuration not reloaded", 1), report
        problems = [line["problem"] for line in sluice.said("configuration")]
        assert problems and problems[-1].startswith(f"{sluice.file}"), problems
        assert ask(client).body == b"still here"
    assert any(f"{sluice.file}:2:1: " in line["problem"] for line in sluice.said("configuration"))
    assert sluice.metrics().sum("sluice_config_reloads_total", result="failed") == 4
    sluice.file.unlink()
    assert sluice.reload()["message"] == "configuration not reloaded"
    assert ask(client).body == b"still here"


@test("what needs a restart is said, and stays as it was")
def _(t):
    backend = named(t, b"x")
    sluice = t.gateway(gateway.config([backend.address]))
    settings = gateway.config([backend.address], limits={"stream_buffer_bytes": "128KiB", "max_streams": 7})
    settings["admin"]["address"] = f"127.0.0.1:{process.free_port()}"
    report = sluice.reload(settings)
    assert report["message"] == "configuration reloaded", report
    problems = " ".join(line["problem"] for line in sluice.said("configuration"))
    assert "admin needs a restart" in problems and "limits.stream_buffer_bytes needs a restart" in problems, problems
    page = sluice.page("/config")[2]
    assert "64KiB" in page and "max_streams: 7" in page, page


@test("a watched file is put in force when it is replaced, without a signal")
def _(t):
    one, two = named(t, b"one"), named(t, b"two")
    sluice = t.gateway(gateway.config([one.address], reload={"watch": True}))
    client = t.connect(sluice)
    assert ask(client).body == b"one"
    sluice.configure(gateway.config([two.address], reload={"watch": True}))
    said = sluice.wait_until(lambda: sluice.said("configuration reloaded"), "the change is noticed")
    assert said[0]["by"] == "watch" and ask(client).body == b"two", said


@test("a reload opens the access log anew, for rotation by renaming")
def _(t):
    backend = named(t, b"x")
    sluice = t.gateway(gateway.config([backend.address]))
    client = t.connect(sluice)
    ask(client)
    sluice.access_log(1)
    moved = sluice.access_file.rename(sluice.access_file.with_suffix(".1"))
    sluice.reload()
    ask(client)
    sluice.access_log(1)
    assert len(moved.read_text().splitlines()) == 1


# Listeners -------------------------------------------------------------------------------------------------------


@test("listeners are added and removed without touching the others' connections")
def _(t):
    upstream = t.upstream()
    kept, added = process.free_port(), process.free_port()
    listener = lambda name, port: {"name": name, "address": f"127.0.0.1:{port}"}
    sluice = t.gateway(gateway.config([upstream.address], listeners=[listener("kept", kept)]), threads=2)
    old = t.connect(("127.0.0.1", kept))
    old.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    both = [listener("kept", kept), listener("added", added)]
    assert sluice.reload(gateway.config([upstream.address], listeners=both))["message"] == "configuration reloaded"
    stream = t.connect(("127.0.0.1", added))
    stream.send(request(body=chat(stream=True)))
    other = upstream.accept()
    other.read_request()
    other.send(EVENTS_HEAD + chunk(event("a")))
    stream.read_until(b"data: ")
    assert sluice.reload(gateway.config([upstream.address], listeners=both[:1]))["message"] == "configuration reloaded"
    assert not can_connect(("127.0.0.1", added))
    other.send(chunk(DONE) + LAST_CHUNK)
    stream.read_until(b"[DONE]")
    backend.send(answer(b"done"))
    assert old.read_response().body == b"done"
    old.send(request(body=chat()))
    sluice.wait_state("waiting")


@test("a listener that cannot be bound fails the whole reload and leaves everything as it was")
def _(t):
    one, two = named(t, b"one"), named(t, b"two")
    taken = process.listen()
    ports = [process.free_port(), process.free_port()]
    listener = lambda port: {"name": f"l{port}", "address": f"127.0.0.1:{port}"}
    sluice = t.gateway(gateway.config([one.address], listeners=[listener(ports[0])]), threads=2)
    wanted = [listener(ports[1]), listener(taken.getsockname()[1])]
    report = sluice.reload(gateway.config([two.address], listeners=wanted))
    assert (report["message"], report["generation"]) == ("configuration not reloaded", 1), report
    assert "in use" in sluice.said("configuration")[-1]["problem"]
    assert not can_connect(("127.0.0.1", ports[1]))
    assert ask(t.connect(sluice)).body == b"one"
    taken.close()


@test("a listener's limits change for new connections and its socket stays")
def _(t):
    backend = named(t, b"x")
    port = process.free_port()
    listener = {"name": "public", "address": f"127.0.0.1:{port}"}
    sluice = t.gateway(gateway.config([backend.address], listeners=[listener]))
    before = t.connect(sluice)
    assert ask(before).status == 200
    small = listener | {"max_connections": 2, "http": {"max_body_bytes": "16B"}}
    assert sluice.reload(gateway.config([backend.address], listeners=[small]))["message"] == "configuration reloaded"
    assert ask(before).status == 200
    assert ask(t.connect(sluice)).status == 413
    sluice.wait_until(lambda: sluice.metrics().sum("sluice_downstream_connections") == 1, "the refused one has left")
    t.connect(sluice)
    t.connect(sluice).read_to_end()  # the third is closed at once


# Under load ------------------------------------------------------------------------------------------------------


class Load:
    """Clients that stream all the time, each stream `events` long, on connections that they keep."""

    def __init__(self, t, address, clients, events):
        self.done = 0
        self.failures = []
        self._stop = threading.Event()
        self._expected = [f"t{i}".encode() for i in range(events)]
        self._threads = [threading.Thread(target=self._run, args=(t.connect(address),)) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, client):
        try:
            while not self._stop.is_set():
                client.send(request(body=chat(stream=True)))
                got = client.read_response()
                if got.status != 200 or not all(token in got.body for token in self._expected):
                    raise AssertionError(f"{got.status} {got.body[-200:]}")
                self.done += 1
        except Exception as error:  # told by the test
            self.failures.append(repr(error))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@test(f"{RELOADS} reloads under a load of streams: none is cut, none fails, memory stays flat")
def _(t):
    events = 20

    def stream(_request, connection):
        connection.send(EVENTS_HEAD)
        for i in range(events):
            connection.send(chunk(event(f"t{i}")))
            time.sleep(0.005)
        connection.send(chunk(DONE) + LAST_CHUNK)

    backends = [t.serving(stream), t.serving(stream)]
    settings = [gateway.config([b.address for b in backends[:1 + i % 2]], timeouts={"connect": f"{1 + i}s"})
                for i in range(4)]
    sluice = t.gateway(settings[0], threads=2)
    load = Load(t, sluice.address, 16, events)
    warm = max(4, RELOADS // 10)
    took, blocked, resident = [], [], 0
    for i in range(1, RELOADS + 1):
        report = sluice.reload(settings[i % 4])
        assert report["message"] == "configuration reloaded", report
        took.append(report["milliseconds"])
        blocked.append(report["blocked_milliseconds"])
        if i == warm:
            resident = sluice.resident_bytes()
    grown = sluice.resident_bytes() - resident
    load.stop()
    took.sort()
    blocked.sort()
    print(f"    {RELOADS} reloads, {load.done} streams, {len(load.failures)} failed; reload ms: median "
          f"{took[len(took) // 2]:.2f}, p99 {took[int(len(took) * 0.99)]:.2f}, max {took[-1]:.2f}; "
          f"a shard held for ms: median {blocked[len(blocked) // 2]:.2f}, p99 {blocked[int(len(blocked) * 0.99)]:.2f}, "
          f"max {blocked[-1]:.2f}; "
          f"grown by {grown / 1024:.0f} KiB since reload {warm}", flush=True)
    assert not load.failures and load.done > 0, load.failures
    # A leak of one small table (some 10 kB) per reload would show after the warm-up.
    assert grown < 4 * 1024 * 1024, grown
    sluice.wait_idle()
    assert sluice.metrics().sum("sluice_config_generation") == RELOADS + 1


main()
