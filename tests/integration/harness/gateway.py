"""The gateway as a process: its configuration, its addresses, its pages, its access log."""

import copy
import http.client
import json
import os
import pathlib
import signal

from . import process, prometheus


def config(upstreams=None, *, clusters=None, routes=None, http=None, listeners=None, timeouts=None, retry=None,
           pool=None, **sections):
    """A whole configuration. Either `upstreams`, a list of addresses behind one cluster that takes every path,
    or clusters and routes. JSON is YAML, so the file is written as JSON."""
    if clusters is None:
        cluster = {"name": "models", "endpoints": [{"address": a} for a in upstreams]}
        clusters = [cluster | ({"pool": pool} if pool else {})]
    if routes is None:
        routes = [{"name": "all", "match": {"path": {"prefix": "/"}}, "clusters": [{"name": clusters[0]["name"]}]}]
    routes = copy.deepcopy(routes)
    for route in routes:
        if timeouts:
            route.setdefault("timeouts", timeouts)
        if retry:
            route.setdefault("retry", retry)
    if listeners is None:
        listener = {"name": "public", "address": "127.0.0.1:0"}
        listeners = [listener | ({"http": http} if http else {})]
    return {"version": 1, "listeners": listeners, "admin": {"address": "127.0.0.1:0"}, "clusters": clusters,
            "routes": routes} | sections


def _socket_address(text):
    if text.startswith("unix:"):
        return text.removeprefix("unix:")
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _passed(sockets):
    """How a service manager starts a program with (name, listening socket) as its descriptors from 3 on."""
    def move():
        high = [os.dup(os.dup(s.fileno())) for _, s in sockets]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)

    names = ":".join(name for name, _ in sockets)
    environment = os.environ | {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names}
    return {"preexec_fn": move, "pass_fds": tuple(range(3, 3 + len(sockets))), "env": environment}


class Gateway(process.Process):
    def __init__(self, settings, folder, number, threads, sockets=(), program=None):
        self.access_file = pathlib.Path(folder) / f"access-{number}.log"
        self.file = pathlib.Path(folder) / f"sluice-{number}.yaml"
        self.configure(settings)
        self.addresses = []
        self.admin = None
        self._successor = None
        command = [program or process.BIN / "sluice", "--config", self.file, "--threads", str(threads)]
        options = {}
        if sockets:
            command = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
            options = _passed(sockets)
        super().__init__(command, folder, f"sluice-{number}", **options)

    # After a handover, what is asked of the gateway is asked of the successor.

    def status(self):
        if self._successor is None:
            return super().status()
        return 0 if self._successor.ended() else None  # only a parent learns the true one

    def signal(self, number):
        if self._successor is None:
            super().signal(number)
        else:
            self._successor.signal(number)

    def kill(self):
        if self._successor is not None:
            self._successor.signal(signal.SIGKILL)
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()

    def hand_over(self):
        """SIGUSR2: gives the process that was in charge, and whose successor accepts now."""
        outcomes = ("successor accepts", "handover failed, this process goes on")
        before = len(self.said(*outcomes))
        old = self._successor or process.Running(self.pid)
        self.signal(signal.SIGUSR2)
        said = self.wait_until(lambda: self.said(*outcomes)[before:], "the successor accepts")[0]
        assert said["message"] == outcomes[0], said
        self._successor = process.Running(said["pid"])
        return old

    def configure(self, settings):
        """Puts another configuration in the file's place, as editors and deployments do: by renaming."""
        if isinstance(settings, dict):
            settings = copy.deepcopy(settings)
            settings.setdefault("observability", {}).setdefault("access_log", {}).setdefault("file", str(self.access_file))
            settings = json.dumps(settings, indent=1)
        fresh = self.file.with_suffix(".next")
        fresh.write_text(settings)
        fresh.rename(self.file)

    def said(self, *messages):
        """The operator's log lines with one of these messages."""
        lines = [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if line["message"] in messages]

    def reload(self, settings=None):
        """Has the file (with these settings) read again, and gives what the log says became of it."""
        if settings is not None:
            self.configure(settings)
        outcomes = ("configuration reloaded", "configuration unchanged", "configuration not reloaded")
        before = len(self.said(*outcomes))
        self.signal(signal.SIGHUP)
        return self.wait_until(lambda: self.said(*outcomes)[before:], "the configuration is reloaded")[0]

    @property
    def address(self):
        return self.addresses[0]

    def wait_until(self, condition, what):
        """As process.wait_until, but a gateway that has ended is not waited for."""
        def alive_and_so():
            value = condition()
            if not value and self.status() is not None:
                raise AssertionError(f"the gateway ended with {self.status()} before: {what}")
            return value
        return process.wait_until(alive_and_so, what)

    def wait_ready(self):
        """Takes the addresses from what the gateway says about them, then asks /ready."""
        process.wait_until(self._started, "the gateway listens")
        process.wait_until(lambda: self.page("/ready")[0] == 200, "the gateway is ready")

    def _started(self):
        if self.status() is not None:
            raise AssertionError(f"the gateway ended with {self.status()}:\n{self.stderr}")
        said = [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{") and line.endswith("}")]
        admin = [s["address"] for s in said if s["message"] == "admin"]
        if not admin:
            return False
        self.addresses = [_socket_address(s["address"]) for s in said if s["message"] == "listening"]
        self.admin = _socket_address(admin[0])
        return True

    def stop(self, ends_with=0):
        """SIGTERM; the test has ended its clients by now, so nothing is left to drain."""
        try:
            self.signal(signal.SIGTERM)
            status = self.wait()
            if status != ends_with:
                raise AssertionError(f"the gateway ended with {status}, not {ends_with}:\n{self.describe()}")
        finally:
            self.kill()

    def page(self, path, method="GET"):
        """(status, headers, text) of an admin page."""
        connection = http.client.HTTPConnection(*self.admin, timeout=process.PATIENCE)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read().decode()
        finally:
            connection.close()

    def json_page(self, path):
        status, _, text = self.page(path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def streams(self):
        return self.json_page("/streams")["streams"]

    def wait_idle(self):
        self.wait_until(lambda: not self.streams(), "no stream is open")

    def wait_state(self, state, count=1):
        """Waits until so many streams are in this state and returns them."""
        def there():
            found = [s for s in self.streams() if s["state"] == state]
            return found if len(found) == count else None
        return self.wait_until(there, f"{count} streams are in state {state}")

    def endpoints(self):
        """Endpoint's address -> what /clusters says about it."""
        return {e["address"]: e for c in self.json_page("/clusters")["clusters"] for e in c["endpoints"]}

    def metrics(self):
        return prometheus.Metrics(self.page("/metrics")[2])

    def access_lines(self):
        """The log's complete lines, as bytes."""
        text = self.access_file.read_bytes() if self.access_file.exists() else b""
        return text.split(b"\n")[:-1]

    def access_log_of_the_ended(self):
        """The lines of a gateway that has ended: there will be no more."""
        assert self.status() is not None
        return [json.loads(line) for line in self.access_lines()]

    def access_log(self, count):
        """Waits for so many lines and returns them, parsed; more lines than that are a failure."""
        self.wait_until(lambda: len(self.access_lines()) >= count, f"{count} lines in the access log")
        lines = [json.loads(line) for line in self.access_lines()]
        assert len(lines) == count, lines
        return lines
