#!/usr/bin/python3
"""Clients that people use: curl, nghttp, h2load, and OpenAI's own over TLS."""

import os
import pathlib
import re
import shutil

from harness import certificates, downstream, gateway, process
from harness.http import DONE, EVENTS_HEAD, LAST_CHUNK, answer, chunk, event
from harness.suite import main, test

HERE = pathlib.Path(__file__).resolve().parent
EVENTS = b"".join(event(f"token {i}") for i in range(100)) + DONE


def echo(request, connection):
    """Answers with the request's body, or with a stream of events where the path asks for one."""
    if request.target == "/v1/events":
        connection.send(EVENTS_HEAD)
        for i in range(0, len(EVENTS), 1000):
            connection.send(chunk(EVENTS[i:i + 1000]))
        connection.send(LAST_CHUNK)
    else:
        connection.send(answer(request.body or b"nothing"))


def served(t, protocol, **options):
    backend = t.serving(echo)
    return t.gateway(gateway.config([backend.address], listeners=[protocol.listener()], **options), threads=2)


def url(sluice, protocol, path="/v1/x"):
    return "%s://%s:%d%s" % (protocol.scheme, *sluice.address, path)


def run(t, *command, **options):
    program = t.program(*command, **options)
    assert program.wait() == 0, program.describe()
    return program


# curl ------------------------------------------------------------------------------------------------------------

HOW = {downstream.HTTP1: ["--http1.1"], downstream.HTTPS1: ["--http1.1"], downstream.H2C: ["--http2-prior-knowledge"],
       downstream.H2: ["--http2"]}


def curl(t, sluice, protocol, *options, path="/v1/x"):
    """What curl prints, and behind it the HTTP version that it spoke."""
    return run(t, "/usr/bin/curl", "--silent", "--show-error", "--fail", "--no-buffer", "--cacert",
               certificates.authority().cert, "--write-out", " over %{http_version}", *HOW[protocol], *options,
               url(sluice, protocol, path)).stdout


for spoken in downstream.SPOKEN:
    version = "2" if spoken.http2 else "1.1"

    @test(f"curl gets an answer, sends megabytes and reads a stream over {spoken.name}")
    def _(t, spoken=spoken, version=version):
        sluice = served(t, spoken)
        assert curl(t, sluice, spoken) == f"nothing over {version}"
        upload = t.folder / "upload"
        upload.write_bytes(b"x" * 3_000_000)
        back = curl(t, sluice, spoken, "--data-binary", f"@{upload}", "--header", "Expect:")
        assert back == "x" * 3_000_000 + f" over {version}", back[-100:]
        assert curl(t, sluice, spoken, path="/v1/events") == EVENTS.decode() + f" over {version}"
        sluice.access_log(3)

    if spoken is downstream.H2C:
        continue  # curl 7.88 gives up all but the first of parallel requests by prior knowledge, whoever serves

    @test(f"curl's fifty requests at once are served over {spoken.name}")
    def _(t, spoken=spoken, version=version):
        sluice = served(t, spoken)
        said = curl(t, sluice, spoken, "--parallel", "--parallel-max", "50", path="/v1/[1-50]")
        assert said.count("nothing") == 50 and said.count(f" over {version}") == 50, said


@test("a client that asks a plain listener to upgrade to HTTP/2 is answered in HTTP/1.1")
def _(t):
    sluice = served(t, downstream.HTTP1)
    said = run(t, "/usr/bin/curl", "--silent", "--http2", "--write-out", " over %{http_version}",
               url(sluice, downstream.HTTP1)).stdout
    assert said == "nothing over 1.1", said


# nghttp2's clients -----------------------------------------------------------------------------------------------

for spoken in downstream.HTTP2:

    @test(f"nghttp gets several answers on one connection over {spoken.name}")
    def _(t, spoken=spoken):
        sluice = served(t, spoken)
        said = run(t, "/usr/bin/nghttp", "--stat", "--no-verify-peer", *(url(sluice, spoken, f"/v1/{i}")
                                                                         for i in range(10))).stdout
        assert said.count("nothing") == 10 and len(re.findall(r" 200 .* /v1/\d", said)) == 10, said

    @test(f"h2load's two thousand requests on four connections all succeed over {spoken.name}")
    def _(t, spoken=spoken):
        sluice = served(t, spoken)
        said = run(t, "/usr/bin/h2load", "--requests=2000", "--clients=4", "--max-concurrent-streams=32",
                   url(sluice, spoken)).stdout
        assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in said and "2000 2xx" in said, said
        sluice.access_log(2000)


# OpenAI's client over TLS --------------------------------------------------------------------------------------------

SCENARIOS = {"chat": "a chat answer", "stream": "a streamed chat answer", "usage": "the usage of a stream",
             "unicode": "characters of every length", "unknown_model": "NotFoundError for an unknown model",
             "fifty_streams": "fifty streams at once, each complete and its own"}

for scenario, what in SCENARIOS.items():
    for spoken in [p for p in downstream.SPOKEN if p.encrypted and not p.http2]:

        @test(f"the OpenAI client gets {what} over TLS")
        def _(t, scenario=scenario, spoken=spoken):
            with process.listen() as listener:
                host, port = listener.getsockname()
                t.program("/usr/bin/python3", HERE / "foreign_backend.py", str(listener.fileno()),
                          pass_fds=[listener.fileno()])
            routes = [{"name": "tiny", "match": {"path": {"prefix": "/v1/"}, "model": "tiny"},
                       "clusters": [{"name": "models"}]}]
            sluice = t.gateway(gateway.config([f"{host}:{port}"], listeners=[spoken.listener()], routes=routes))
            node = shutil.which("node")
            if node is None or not (HERE / "node" / "node_modules" / "openai").exists():
                raise AssertionError("Node.js or its openai package is missing; run scripts/setup")
            run(t, node, HERE / "node" / "openai_sdk.mjs", scenario, env=os.environ | {
                "GATEWAY": "%s:%d" % sluice.address, "ADMIN": "%s:%d" % sluice.admin, "SCHEME": "https", "WORDS": "1",
                "NODE_EXTRA_CA_CERTS": str(certificates.authority().cert)})
            sluice.wait_idle()


main()
