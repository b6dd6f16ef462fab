"""The rows of perf/compare: what each loads a proxy with."""
import dataclasses
import time
from collections.abc import Callable

import loads
import tls


@dataclasses.dataclass(frozen=True)
class Row:
    """CPU time per unit. Loads are given a proxy and return the number of units."""
    unit: str
    what: str
    load: Callable  # (proxy, seconds)
    # (proxy, size): for the count of system calls: over the same connections whatever the size, 1 or 3. Events come
    # one by one: strace slows the proxy so much that at the full rate they would pile up.
    sized: Callable
    # (proxy, n): exactly n units, for the count of instructions; requests on one connection.
    count: Callable | None = None


@dataclasses.dataclass(frozen=True)
class MemoryRow:
    """Memory (Pss) per idle connection, of a fresh instance."""
    protocol: str
    connections: int
    what: str
    unit: str = "KiB"

    def measure(self, proxy):
        with tls.Idle(proxy.site.tls, self.protocol) as idle:
            idle.open(20)  # what the first connections set up for all
            before = settled(proxy)
            idle.open(self.connections)
            return (settled(proxy) - before) / self.connections


def settled(proxy):
    """Memory half a second after the last request: log lines written, buffers released."""
    time.sleep(0.5)
    return proxy.pss_kib()


def _http1(scheme, prompt, what, counted=True):
    url = lambda proxy: getattr(proxy, scheme)  # noqa: E731
    return Row("request", what,
               load=lambda proxy, seconds: loads.requests(url(proxy), prompt, seconds),
               sized=lambda proxy, size: loads.count(url(proxy), prompt, 300 * size, connections=32),
               count=(lambda proxy, n: loads.count(url(proxy), prompt, n)) if counted else None)


def _http2(prompt, what):
    return Row("request", what,
               load=lambda proxy, seconds: loads.requests_http2(proxy.https, prompt, seconds),
               sized=lambda proxy, size: loads.count(proxy.https, prompt, 500 * size, connections=8, http2=True),
               count=lambda proxy, n: loads.count(proxy.https, prompt, n, http2=True))


def _sse(what):
    def load(proxy, seconds):
        return loads.events(proxy.http, streams=100, connections=100, per_stream=20 * seconds, gap_ms=50)

    def sized(proxy, size):
        return loads.events(proxy.http, streams=20, connections=20, per_stream=10 * size, gap_ms=100)

    def count(proxy, n):
        return loads.events(proxy.http, streams=20, connections=20, per_stream=n // 20, gap_ms=50)
    return Row("event", what, load, sized, count)


def _sse_http2(what):
    def load(proxy, seconds):
        return loads.events(proxy.https, streams=200, connections=4, per_stream=50 * seconds, gap_ms=20, http2=True)

    def sized(proxy, size):
        return loads.events(proxy.https, streams=20, connections=4, per_stream=10 * size, gap_ms=100, http2=True)

    def count(proxy, n):
        return loads.events(proxy.https, streams=20, connections=4, per_stream=n // 20, gap_ms=50, http2=True)
    return Row("event", what, load, sized, count)


def _handshake(what):
    def load(proxy, seconds):
        return tls.handshakes(proxy.site.tls, seconds)
    return Row("handshake", what, load, sized=load)


GROUPS = {
    "plain": {
        "small": _http1("http", 100, "100 B prompt, JSON answer, body routing"),
        "4k": _http1("http", 4096, "4 KiB prompt, JSON answer, body routing", counted=False),
        "64k": _http1("http", 65536, "64 KiB prompt, JSON answer, body routing", counted=False),
        "sse": _sse("100 streams x 20 events/s"),
    },
    "tls": {
        "tls-request": _http1("https", 100, "TLS 1.3, HTTP/1.1 on 32 connections, 100 B prompt"),
        "tls-handshake": _handshake("full TLS 1.3 handshake, ECDSA P-256, X25519"),
        "h2-request": _http2(100, "HTTP/2 in TLS, 8 connections x 32 streams, 100 B prompt"),
        "h2-sse": _sse_http2("HTTP/2 in TLS, 4 connections x 50 streams x 50 events/s"),
        "tls-idle": MemoryRow("http/1.1", 500, "idle TLS connection, HTTP/1.1, after one request"),
        "h2-idle": MemoryRow("h2", 500, "idle TLS connection, HTTP/2, after one request"),
    },
}
ROWS = {name: row for group in GROUPS.values() for name, row in group.items()}
