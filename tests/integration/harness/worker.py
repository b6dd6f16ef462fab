"""The bundled worker as a process."""

import http.client

from . import process, prometheus, suite

MODEL = process.SOURCE / "backends" / "worker" / "models" / "tiny" / "v1"


class Worker:
    def __init__(self, program, port):
        self.program = program
        self.host, self.port = "127.0.0.1", port
        self.address = f"127.0.0.1:{port}"

    def get(self, path):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=process.PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def healthy(self):
        if self.program.status() is not None:
            raise AssertionError(f"the worker ended:\n{self.program.describe()}")
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def running(self):
        return prometheus.Metrics(self.get("/metrics")[1]).sum("vllm:num_requests_running")


def start(t, *options, model=MODEL):
    """A worker that serves `model`, a folder, under the name tiny; the test is skipped where the program has not been built."""
    if not (process.BIN / "sluice-worker").exists():
        raise suite.Skipped("no sluice-worker in " + str(process.BIN))
    port = process.free_port()
    started = Worker(t.program(process.BIN / "sluice-worker", "--model", model, "--host", "127.0.0.1", "--port",
                               str(port), "--served-model-name", "tiny", *options), port)
    process.wait_until(started.healthy, "the worker is healthy")
    return started
