"""The rows of perf/compare: what each loads a proxy with."""
import dataclasses
import time
from collections.abc import Callable

import loads
import lockstep
import tls
from load_program import HeldStreams


@dataclasses.dataclass(frozen=True)
class Gate:
    """What Sluice's figure may be: a multiple of a peer's (of the best one's, if none is named), or a number."""
    ratio: float | None = None
    peer: str | None = None
    most: float | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """CPU time per unit. Loads are given a proxy and return the number of units, or that and further figures."""
    unit: str
    what: str
    load: Callable  # (proxy, seconds)
    # (proxy, size): for the count of system calls: over the same connections whatever the size, 1 or 3. Events come
    # one by one: strace slows the proxy so much that at the full rate they would pile up.
    sized: Callable | None = None
    # (proxy, backend, rounds): in lockstep, for the count of instructions.
    count: Callable | None = None
    gate: Gate | None = None
    # The further figures, by name, as rows of their own; they have a direct path, on which `load` works as well.
    further: dict = dataclasses.field(default_factory=dict)

    def sample(self, proxy, seconds):
        """The figures of one round by name; the row's own is ""."""
        before = proxy.cpu_ns()
        units, further = _apart(self.load(proxy, seconds))
        return {"": (proxy.cpu_ns() - before) / 1000 / units} | further

    def sample_direct(self, direct, seconds):
        return _apart(self.load(direct, seconds))[1] if self.further else {}


@dataclasses.dataclass(frozen=True)
class Figure:
    """What a row finds beside its own figure."""
    unit: str
    what: str
    gate: Gate | None = None


@dataclasses.dataclass(frozen=True)
class MemoryRow:
    """Memory (Pss) of a fresh instance; `measure` is given the proxy."""
    unit: str
    what: str
    measure: Callable
    gate: Gate | None = None


def _apart(result):
    return result if isinstance(result, tuple) else (result, {})


def settled(proxy):
    """Memory half a second after the last request: log lines written, buffers released."""
    time.sleep(0.5)
    return proxy.pss_kib()


def _idle(protocol, what, connections=500):
    def measure(proxy):
        with tls.Idle(proxy.site.tls, protocol) as idle:
            idle.open(20)  # what the first connections set up for all
            before = settled(proxy)
            idle.open(connections)
            return (settled(proxy) - before) / connections
    return MemoryRow("KiB", what, measure)


def _held(what, gate, streams=1000):
    def measure(proxy):
        loads.events(proxy, streams=20, per_stream=2, gap_ms=10)  # what the first streams set up for all
        before = settled(proxy)
        with HeldStreams(proxy.program, "--to", proxy.to("events"), "--streams", streams) as held:
            if not held.opened["good"]:
                raise RuntimeError(f"streams were not held: {held.opened}")
            time.sleep(1)  # an event more for each
            return (settled(proxy) - before) / streams
    return MemoryRow("KiB", what, measure, gate)


def _base(what, gate):
    def measure(proxy):
        loads.count(proxy.http, 100, 100)
        return settled(proxy) / 1024
    return MemoryRow("MiB", what, measure, gate)


def _requests(protocol, prompt, **options):
    return lambda proxy, backend, rounds: lockstep.requests(proxy, backend, rounds, protocol=protocol, prompt_bytes=prompt,
                                                            **options)


def _events(protocol, **options):
    return lambda proxy, backend, rounds: lockstep.events(proxy, backend, rounds, protocol=protocol, **options)


def _http1(scheme, prompt, what, gate, counted=True):
    protocol = lockstep.HTTPS1 if scheme == "https" else lockstep.HTTP1
    url = lambda proxy: getattr(proxy, scheme)  # noqa: E731
    return Row("request", what, gate=gate,
               load=lambda proxy, seconds: loads.requests(url(proxy), prompt, seconds),
               sized=lambda proxy, size: loads.count(url(proxy), prompt, 300 * size, connections=32),
               count=_requests(protocol, prompt) if counted else None)


def _http2(prompt, what, gate):
    return Row("request", what, gate=gate,
               load=lambda proxy, seconds: loads.requests_http2(proxy.https, prompt, seconds),
               sized=lambda proxy, size: loads.count(proxy.https, prompt, 500 * size, connections=8, http2=True),
               count=_requests(lockstep.H2, prompt, at_a_time=10))


def _sse(what, gate, age):
    def load(proxy, seconds):
        events, age_us = loads.events(proxy, streams=200, per_stream=50 * seconds, gap_ms=20)
        return events, {"age": age_us}

    def sized(proxy, size):
        return loads.events(proxy, streams=20, per_stream=10 * size, gap_ms=100)[0]
    return Row("event", what, load, sized, _events(lockstep.HTTP1), gate, further={"age": age})


def _sse_bulk(what, gate):
    def load(proxy, seconds):
        return loads.events(proxy, streams=8, per_stream=100_000 * seconds, gap_ms=0, burst=32)[0]

    def sized(proxy, size):
        return loads.events(proxy, streams=8, per_stream=5_000 * size, gap_ms=0, burst=32)[0]
    return Row("event", what, load, sized, _events(lockstep.HTTP1, burst=32), gate)


def _open_loop(what, median, tail):
    def load(proxy, seconds):
        latency = loads.open_loop(proxy, 2000, 2 * seconds)
        return latency["n"], {"p50": latency["p50_us"], "p99": latency["p99_us"]}
    return Row("request", what, load, further={"p50": median, "p99": tail})


def _sse_http2(what, gate):
    def load(proxy, seconds):
        return loads.events_http2(proxy, streams=200, connections=4, per_stream=50 * seconds, gap_ms=20)

    def sized(proxy, size):
        return loads.events_http2(proxy, streams=20, connections=4, per_stream=10 * size, gap_ms=100)
    return Row("event", what, load, sized, _events(lockstep.H2), gate)


def _handshake(what, gate):
    def load(proxy, seconds):
        return tls.handshakes(proxy.site.tls, seconds)
    return Row("handshake", what, load, sized=load, gate=gate)


BEST = Gate(ratio=1.0)
GROUPS = {
    "plain": {
        "small": _http1("http", 100, "100 B prompt, JSON answer, body routing", Gate(0.9, "nginx")),
        "4k": _http1("http", 4096, "4 KiB prompt, JSON answer, body routing", Gate(0.9)),
        "64k": _http1("http", 65536, "64 KiB prompt, JSON answer, body routing", Gate(1.0, "nginx"), counted=False),
        "sse": _sse("200 streams x 50 events/s", BEST, Figure("us", "median age of an event", BEST)),
        "sse-bulk": _sse_bulk("8 streams, 32 events in each send, as fast as they go", Gate(1.0, "haproxy")),
        "open": _open_loop("2,000 requests/s, 100 B prompt", Figure("us", "their median latency, open loop", BEST),
                           Figure("us", "their latency's 99th percentile, no gate")),
        "held": _held("held stream, 1 KiB prompt, 1 event/s", Gate(most=8)),
        "base": _base("after 100 requests", Gate(most=16)),
    },
    "tls": {
        "tls-request": _http1("https", 100, "TLS 1.3, HTTP/1.1 on 32 connections, 100 B prompt", BEST),
        "tls-handshake": _handshake("full TLS 1.3 handshake, ECDSA P-256, X25519", Gate(1.05)),
        "h2-request": _http2(100, "HTTP/2 in TLS, 8 connections x 32 streams, 100 B prompt", Gate(1.1, "h2o")),
        "h2-sse": _sse_http2("HTTP/2 in TLS, 4 connections x 50 streams x 50 events/s", Gate(1.0, "haproxy")),
        "tls-idle": _idle("http/1.1", "idle TLS connection, HTTP/1.1, after one request"),
        "h2-idle": _idle("h2", "idle TLS connection, HTTP/2, after one request"),
    },
}
ROWS = {name: row for group in GROUPS.values() for name, row in group.items()}
