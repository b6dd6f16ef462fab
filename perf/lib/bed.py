"""What perf/endure runs on: one gateway with its default chain in front of our backend, and the question whether it is at
rest: every gauge as before the load, no descriptor more, and no stream left at the backend."""
import json
import pathlib
import sys
import time
import urllib.request

import load_program
import processes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))
from harness import certificates, gateway, prometheus  # noqa: E402

# Gauges that may change without work under way: the process's own, and connections that are kept for a next request.
_OTHERS = ("process_", "sluice_upstream_connections")
REST_SECONDS = 30


class Bed:
    """Starts the backend and the gateway in a folder, and ends them."""

    def __init__(self, folder, bin_folder, threads, progress):
        self.progress = progress
        self.program = load_program.Program(bin_folder)
        self.backend = load_program.Backend(self.program)
        self.gateway = None
        try:
            self._start_gateway(pathlib.Path(folder), pathlib.Path(bin_folder), threads)
            self._baseline = self._gauges()
        except BaseException:
            self.stop()
            raise

    def _start_gateway(self, folder, bin_folder, threads):
        certificate = certificates.issued("gateway")
        settings = gateway.config(
            clusters=[{"name": "models", "endpoints": [{"address": self.backend.address}],
                       "pool": {"max_connections": 20_000}}],
            routes=[{"match": {"path": {"prefix": "/v1/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}],
            listeners=[{"name": "plain", "address": "127.0.0.1:0", "backlog": 16_384},
                       {"name": "tls", "address": "127.0.0.1:0", "tls": {"certificates": [certificate.files]}}])
        with processes.children_on(processes.PROXY_CPU, threads):
            self.gateway = gateway.Gateway(settings, folder, 0, threads, program=bin_folder / "sluice")
        self.gateway.wait_ready()
        self.program.good("rate", "--to", self.plain, "--per-second", 100, "--seconds", 0.5)

    def stop(self):
        """The gateway must end with status 0."""
        try:
            if self.gateway is not None:
                self.gateway.stop()
        finally:
            self.backend.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.gateway.kill()
            self.backend.stop()

    def _address(self, number):
        return "{}:{}".format(*self.gateway.addresses[number])

    @property
    def plain(self):
        return self._address(0)

    @property
    def tls(self):
        return self._address(1)

    def metrics(self):
        return prometheus.Metrics(self.gateway.page("/metrics")[2])

    def pss_kib(self):
        return processes.pss_kib([self.gateway.pid])

    def rss_kib(self):
        return processes.rss_kib([self.gateway.pid])

    def cpu_ns(self):
        return processes.cpu_ns([self.gateway.pid])

    def _gauges(self):
        """Series -> value of all that must be the same whenever nothing is under way."""
        metrics = self.metrics()
        found = {f"{name}{dict(labels) or ''}": value for (name, labels), value in metrics.samples.items()
                 if metrics.type.get(name) == "gauge" and not name.startswith(_OTHERS)}
        open_upstream = metrics.sum("sluice_upstream_connections")
        found["upstream connections beyond idle"] = open_upstream - metrics.sum("sluice_upstream_connections_idle")
        found["descriptors beyond upstream connections"] = metrics.sum("process_open_fds") - open_upstream
        with urllib.request.urlopen(f"http://{self.backend.address}/stats", timeout=30) as answer:
            found["streams at the backend"] = json.load(answer)["streams"]
        return found

    def not_at_rest(self):
        """Waits until the gateway is at rest, and gives what is not after a while: series -> (value, value at rest)."""
        deadline = time.monotonic() + REST_SECONDS
        while True:
            now = self._gauges()
            different = {k: (now.get(k), self._baseline.get(k)) for k in now.keys() | self._baseline.keys()
                         if now.get(k, 0) != self._baseline.get(k, 0)}
            if not different or time.monotonic() > deadline:
                return different
            time.sleep(0.1)
