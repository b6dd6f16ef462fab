#!/usr/bin/python3
"""OpenAI's own client through the gateway, against a backend that is not ours and against the bundled worker."""

import http.client
import json
import os
import pathlib
import shutil

from harness import gateway, process, scripted_model, worker
from harness.suite import main, test

HERE = pathlib.Path(__file__).resolve().parent


class Foreign:
    """foreign_backend.py as a process."""

    def __init__(self, t):
        with process.listen() as listener:
            self.host, self.port = listener.getsockname()
            self.program = t.program("/usr/bin/python3", HERE / "foreign_backend.py", str(listener.fileno()),
                                     pass_fds=[listener.fileno()])
        self.address = f"{self.host}:{self.port}"
        process.wait_until(self.healthy, "the foreign backend is healthy")

    def get(self, path):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=process.PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def healthy(self):
        assert self.program.status() is None, self.program.describe()
        try:
            self.get("/health")
            return True
        except OSError:
            return False

    def running(self):
        return json.loads(self.get("/state"))["running"]

    def disconnected(self):
        return json.loads(self.get("/state"))["disconnected"]


def start_gateway(t, address):
    """The shape of config/examples/quickstart.yaml."""
    routes = [{"name": "tiny", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"},
               "clusters": [{"name": "models"}]},
              {"name": "models", "match": {"path": {"exact": "/v1/models"}}, "clusters": [{"name": "models"}]}]
    return t.gateway(gateway.config([address], routes=routes), threads=2)


def client(t, sluice, scenario, **environment):
    """Runs the client's scenario to its end."""
    node = shutil.which("node")
    if node is None or not (HERE / "node" / "node_modules" / "openai").exists():
        raise AssertionError("Node.js or its openai package is missing; run scripts/setup")
    address = lambda a: f"{a[0]}:{a[1]}"
    program = t.program(node, HERE / "node" / "openai_sdk.mjs", scenario, env=os.environ | {
        "GATEWAY": address(sluice.address), "ADMIN": address(sluice.admin)} | environment)
    assert program.wait() == 0, program.describe()


ALL = {
    "models": "the list of models",
    "chat": "a chat answer",
    "completion": "a completion",
    "stream": "a streamed chat answer",
    "completion_stream": "a streamed completion",
    "usage": "the usage of a stream",
    "same_text": "the same text streamed and not streamed",
    "unicode": "characters of every length",
    "unknown_model": "NotFoundError with model_not_found for an unknown model",
    "bad_json": "400 for a body that is not JSON",
    "wrong_type_of_model": "BadRequestError for a model that is no text or missing",
    "rejected_by_backend": "the backend's own BadRequestError for wrong types and ranges",
    "unknown_path": "NotFoundError for an endpoint that no route has",
    "fifty_streams": "fifty streams at once, each complete and its own",
}


def foreign(t):
    backend = Foreign(t)
    return backend, start_gateway(t, backend.address), {"WORDS": "1"}


def bundled(t, *options, **model):
    served = worker.start(t, *options, **model)
    return served, start_gateway(t, served.address), {}


def slow(t):
    """So slow that an answer cannot be whole before its client leaves."""
    return bundled(t, "--step-interval-ms", "50")


for scenario, what in ALL.items():
    for backend_name, start in (("a foreign backend", foreign), ("the bundled worker", bundled)):

        @test(f"the OpenAI client gets {what} from {backend_name}")
        def _(t, scenario=scenario, start=start):
            _, sluice, environment = start(t)
            client(t, sluice, scenario, **environment)
            sluice.wait_idle()


for backend_name, start in (("a foreign backend", foreign), ("the bundled worker", slow)):
    for scenario, what in (("abort_stream", "in mid-stream"), ("abort_waiting", "while it waits")):

        @test(f"the OpenAI client's abort {what} reaches {backend_name}")
        def _(t, scenario=scenario, start=start):
            backend, sluice, environment = start(t)
            client(t, sluice, scenario, **environment)
            sluice.wait_idle()
            process.wait_until(lambda: backend.running() == 0, "the backend runs nothing")
            if isinstance(backend, Foreign):
                assert backend.disconnected() == 1
            lines = sluice.access_log(1)
            assert lines[0]["error"] == "client_gone", lines


for scenario, what in (("logprobs", "logprobs of chats and completions, whole and streamed"),
                       ("embeddings", "embeddings as numbers and as base64")):

    @test(f"the OpenAI client gets {what} from the bundled worker")
    def _(t, scenario=scenario):
        _, sluice, environment = bundled(t)
        client(t, sluice, scenario, **environment)
        sluice.wait_idle()


@test("the OpenAI client calls tools, gives back their results and runs them itself")
def _(t):
    model = scripted_model.write(t.folder / "model", {
        scripted_model.ANSWER: ["Hello."],
        scripted_model.CALL: ["Let me ", "see. ", "<tool_call>", '\n{"name": "get_', 'weather", "arguments": ', '{"city": "Zür',
                              'ich"}}\n', "</tool_call>", '\n<tool_call>{"name":"get_wea', 'ther","argu', 'ments":{"city"',
                              ':"Oslo"}}</tool_call>'],
        scripted_model.AFTER_TOOL: ["Thank ", "you."],
    })
    _, sluice, environment = bundled(t, "--enable-auto-tool-choice", "--tool-call-parser", "hermes", model=model)
    client(t, sluice, "tools", **environment)
    sluice.wait_idle()


@test("four megabytes of streamed text reach the OpenAI client whole")
def _(t):
    _, sluice, environment = foreign(t)
    client(t, sluice, "big", **environment)


@test("the OpenAI client's fifty streams are all counted in the gateway's metrics")
def _(t):
    _, sluice, environment = foreign(t)
    client(t, sluice, "fifty_streams", **environment)
    sluice.access_log(50)
    metrics = sluice.metrics()
    assert metrics.sum("sluice_requests_total", route="tiny", status="200") == 50
    assert metrics.sum("sluice_tokens_total", kind="completion") == sum(10 + i % 7 for i in range(50))
    assert metrics.sum("sluice_tokens_total", kind="prompt") == 50 * 3


@test("a backend that is not there is an InternalServerError to the OpenAI client")
def _(t):
    sluice = start_gateway(t, f"127.0.0.1:{process.free_port()}")
    client(t, sluice, "backend_down")


main()
