#!/usr/bin/python3
"""Backends of HTTP/2 that others wrote: nghttpd, and nghttpx in front of a server of HTTP/1.1."""

import random
import signal

from harness import certificates, gateway, process
from harness.http import answer
from harness.suite import main, test

BODY = random.Random(2).randbytes(1_000_000)
PAGE = random.Random(3).randbytes(50_000)

# How the cluster names what they speak; over TLS both servers choose h2.
PROTOCOLS = {"h2c": False, "h2": True, "auto": True}


class Nghttpd:
    """Serves a file and echoes what is sent to it."""

    name = "nghttpd"

    def __init__(self, t, encrypted):
        self._t = t
        self._port = process.free_port()
        self.address = f"127.0.0.1:{self._port}"
        (t.folder / "page").write_bytes(PAGE)
        (t.folder / "echo").write_bytes(b"")
        keys = [server().key, server().cert] if encrypted else []
        self._command = ["/usr/sbin/nghttpd", "--address=127.0.0.1", f"--htdocs={t.folder}", "--echo-upload",
                         *([] if encrypted else ["--no-tls"]), str(self._port), *keys]
        self.start()

    def start(self):
        self._program = self._t.program(*self._command)
        listens(self._program, self._port)

    def stop(self):
        self._program.signal(signal.SIGKILL)
        self._program.wait()


class Nghttpx:
    """Passes on to a server of HTTP/1.1 that the test plays."""

    name = "nghttpx"

    def __init__(self, t, encrypted):
        self._t = t
        origin = t.serving(serve)
        self._port = process.free_port()
        self.address = f"127.0.0.1:{self._port}"
        keys = [server().key, server().cert] if encrypted else []
        self._command = ["/usr/sbin/nghttpx", "--conf=/dev/null", "--workers=1", "--single-process",
                         f"--backend={origin.address.replace(':', ',')}", "--errorlog-file=/dev/stderr",
                         f"--frontend=127.0.0.1,{self._port}{'' if encrypted else ';no-tls'}", *keys]
        self.start()

    start = Nghttpd.start
    stop = Nghttpd.stop


def serve(request, connection):
    connection.send(answer(PAGE if request.target == "/page" else request.body))


def server():
    return certificates.issued("backend")


def listens(program, port):
    def connects():
        assert program.status() is None, program.describe()
        try:
            process.connect(("127.0.0.1", port)).leave()
        except OSError:
            return False
        return True
    process.wait_until(connects, f"{program.command[0]} listens")


def started(t, kind, protocol, **options):
    backend = kind(t, PROTOCOLS[protocol])
    cluster = {"name": "models", "endpoints": [{"address": backend.address}], "protocol": protocol}
    if PROTOCOLS[protocol]:
        cluster["tls"] = {"ca_file": str(certificates.authority().cert)}
    return backend, t.gateway(gateway.config(clusters=[cluster], **options))


def get(t, sluice):
    client = t.connect(sluice)
    client.send(b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n")
    return client.read_response()


def case(sentence):
    def register(function):
        for kind in (Nghttpd, Nghttpx):
            for protocol in PROTOCOLS:

                @test(f"{kind.name} as {protocol}: {sentence}")
                def _(t, kind=kind, protocol=protocol):
                    function(t, kind, protocol)

        return function

    return register


@case("a GET and a POST of a megabyte get their answers")
def _(t, kind, protocol):
    _, sluice = started(t, kind, protocol)
    got = get(t, sluice)
    assert (got.status, got.body) == (200, PAGE)
    for framing in (b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
                    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Checksum: 1\r\n\r\n" % (len(BODY), BODY)):
        client = t.connect(sluice)
        client.send(b"POST /echo HTTP/1.1\r\nHost: h\r\n" + framing)
        got = client.read_response()
        assert got.status == 200 and got.body == BODY, (got.status, len(got.body))
    assert sluice.metrics().sum("sluice_upstream_connects_total") == 1


@case("a hundred at a time share few connections, and none fails")
def _(t, kind, protocol):
    _, sluice = started(t, kind, protocol)
    url = "http://%s:%d/page" % sluice.address
    load = t.program("/usr/bin/h2load", "--h1", "--requests=2000", "--clients=100", url)
    assert load.wait() == 0, load.describe()
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in load.stdout and "2000 2xx" in load.stdout, load.stdout
    assert sluice.metrics().sum("sluice_upstream_connects_total") <= 3


@case("when it is killed and starts again, what comes next is served")
def _(t, kind, protocol):
    backend, sluice = started(t, kind, protocol, retry={"attempts": 1})
    for _ in range(3):
        assert get(t, sluice).status == 200
        backend.stop()
        assert get(t, sluice).status in (502, 503)
        backend.start()
        sluice.wait_until(lambda: get(t, sluice).status == 200, "the backend is found again")


main()
