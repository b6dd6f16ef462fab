#!/usr/bin/python3
"""Clients over TLS, most of them real ones: who is let in, with which certificate, and what stays when it changes."""

import pathlib
import shutil
import signal

import ssl
import subprocess
import threading

from harness import gateway, pairs, process, wire
from harness.http import EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request
from harness.suite import main, test

GET = b"GET /v1/x HTTP/1.1\r\nHost: site.test\r\n\r\n"


def named(t, name=b"hello"):
    return t.serving(lambda _r, c: c.send(answer(name)))


def secured(t, *names, backend=None, threads=1, reload=None, **settings):
    """A gateway with these certificates in front of a backend that says hello."""
    backend = backend or named(t)
    sections = {"reload": reload} if reload else {}
    return t.gateway(gateway.config([backend.address], listeners=[pairs.listener(*names, **settings)], **sections),
                     threads=threads)


def curl(sluice, *options, name="site.test", authority="ca"):
    port = sluice.address[1]
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", "--cacert", pairs.path(f"{authority}.pem"),
         "--resolve", f"{name}:{port}:127.0.0.1", *options, f"https://{name}:{port}/v1/x"],
        capture_output=True, text=True, check=False)


def s_client(sluice, *options, name="site.test", say="Q\n"):
    """What `openssl s_client` prints about a connection."""
    run = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % sluice.address, "-servername", name, "-CAfile",
         pairs.path("ca.pem"), *options],
        input=say, capture_output=True, text=True, timeout=process.PATIENCE, check=False)
    return run.stdout + run.stderr


def handshakes(sluice, **labels):
    return sluice.metrics().sum("sluice_downstream_tls_handshakes_total", **labels)


def failures(sluice, **labels):
    return sluice.metrics().sum("sluice_downstream_tls_handshake_failures_total", **labels)


# Real clients ----------------------------------------------------------------------------------------------------


@test("curl is served over TLS 1.3 and 1.2, by the EC and by the RSA certificate of one name")
def _(t):
    sluice = secured(t, "site-ec", "site-rsa")
    assert curl(sluice, "--tlsv1.3").stdout == "hello"
    for kind in ("ECDSA", "RSA"):
        said = curl(sluice, "--verbose", "--tls-max", "1.2", "--ciphers", f"ECDHE-{kind}-AES128-GCM-SHA256")
        assert said.stdout == "hello" and f"ECDHE-{kind}-AES128-GCM-SHA256" in said.stderr, said
    assert handshakes(sluice, version="1.3") == 1
    assert handshakes(sluice, version="1.2", resumed="false") == 2
    assert [line["tls"] for line in sluice.access_log(3)] == ["TLSv1.3", "TLSv1.2", "TLSv1.2"]


@test("curl refuses a gateway whose certificate is for another name or of another authority")
def _(t):
    sluice = secured(t)
    assert "no alternative certificate subject name" in curl(sluice, name="other.test").stderr
    assert curl(sluice, authority="other-ca").returncode == 60
    assert failures(sluice, reason="alert") >= 1


@test("the certificate follows the name that the client asks for")
def _(t):
    sluice = secured(t, "site-ec", "shop-ec")
    for name, subject in (("site.test", "site.test"), ("shop.test", "shop.test"), ("any.wild.test", "site.test"),
                          ("exact.wild.test", "shop.test"), ("unknown.test", "site.test")):
        said = s_client(sluice, name=name)
        assert f"subject=CN = {subject}" in said and "Verification: OK" in said, said


@test("nothing older than TLS 1.2 is spoken, nor 1.2 where 1.3 is the minimum; weak ciphers are not")
def _(t):
    sluice = secured(t)
    assert "Cipher is (NONE)" in s_client(sluice, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in s_client(sluice, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256")
    assert failures(sluice, reason="version") == 1
    assert failures(sluice, reason="cipher") == 1
    strict = secured(t, min_version="1.3")
    assert "Cipher is (NONE)" in s_client(strict, "-tls1_2")
    assert "TLSv1.3" in s_client(strict)


@test("a client that wants to renegotiate is not")
def _(t):
    sluice = secured(t)
    said = s_client(sluice, "-tls1_2", say="R\nQ\n")
    assert "Secure Renegotiation IS supported" in said and "no renegotiation" in said, said


@test("HTTP/1.1 is agreed on; a client that speaks only something else gets no_application_protocol")
def _(t):
    sluice = secured(t)
    assert "ALPN protocol: http/1.1" in s_client(sluice, "-alpn", "spdy/3,http/1.1")
    assert "no application protocol" in s_client(sluice, "-alpn", "spdy/3")
    assert failures(sluice, reason="alpn") == 1


@test("a second connection of a client resumes its session, also after a reload")
def _(t):
    sluice = secured(t)
    for flag in ("-tls1_3", "-tls1_2"):
        saved = str(t.folder / f"session{flag}")
        # The ticket of TLS 1.3 comes behind the handshake, so an answer is read.
        assert "New, TLS" in s_client(sluice, flag, "-sess_out", saved, "-ign_eof", say=GET[:-2].decode() + "Connection: close\r\n\r\n")
        assert "Reused, TLS" in s_client(sluice, flag, "-sess_in", saved)
    saved = str(t.folder / "another")
    s_client(sluice, "-sess_out", saved, "-ign_eof", say=GET[:-2].decode() + "Connection: close\r\n\r\n")
    backend = named(t, b"another")
    sluice.reload(gateway.config([backend.address], listeners=[pairs.listener("site-ec", "shop-ec")]))
    assert "Reused, TLS" in s_client(sluice, "-sess_in", saved)
    assert handshakes(sluice, resumed="true") == 3


# What the backend is told ----------------------------------------------------------------------------------------


@test("backends are told that the client used https")
def _(t):
    upstream = named(t)
    sluice = secured(t, backend=upstream)
    client = pairs.connect(t, sluice)
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-Proto: http\r\n\r\n")
    assert client.read_response().body == b"hello"
    assert upstream.requests[0].get("x-forwarded-proto") == "https"


@test("a verified client is named in the log and, if asked for, to backends; nobody names himself")
def _(t):
    for forwarded in (True, False):
        upstream = named(t)
        sluice = secured(t, backend=upstream, client_certificates="required", client_ca_file=pairs.path("ca.pem"),
                         forward_client_certificate=forwarded)
        client = pairs.connect(t, sluice, context=pairs.client_context(certificate="client"))
        client.send(b"GET /v1/x HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-Client-Cert: Subject=\"CN=admin\"\r\n"
                    b"Client-Cert: :MIIB:\r\n\r\n")
        assert client.read_response().body == b"hello"
        told = upstream.requests[0].get("x-forwarded-client-cert")
        if forwarded:
            assert told.startswith("Hash=") and told.endswith(
                ';Subject="O=Search\\\\, Inc.,CN=crawler";DNS=crawler.test;URI=spiffe://test/ns/search/sa/crawler'), told
        else:
            assert told is None
        assert upstream.requests[0].get("client-cert") is None
        assert sluice.access_log(1)[0]["client_certificate"] == "O=Search\\, Inc.,CN=crawler"


@test("a plain listener does not let a client name himself either")
def _(t):
    upstream = named(t)
    sluice = t.gateway(gateway.config([upstream.address]))
    client = t.connect(sluice)
    client.send(b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-Forwarded-Client-Cert: Subject=\"CN=admin\"\r\n\r\n")
    client.read_response()
    assert upstream.requests[0].get("x-forwarded-client-cert") is None
    assert "tls" not in sluice.access_log(1)[0]


@test("clients without a certificate, or with a stranger's, are refused where one is required")
def _(t):
    sluice = secured(t, client_certificates="required", client_ca_file=pairs.path("ca.pem"))
    assert curl(sluice).returncode != 0
    stranger = curl(sluice, "--cert", pairs.path("stranger.pem"), "--key", pairs.path("stranger.key"))
    assert stranger.returncode != 0
    good = curl(sluice, "--cert", pairs.path("client.pem"), "--key", pairs.path("client.key"))
    assert good.stdout == "hello", good
    assert failures(sluice, reason="no_certificate") == 1
    assert failures(sluice, reason="certificate") == 1
    # One a second at most, so the second failure may be left out of the log; the first never is.
    told = sluice.said("TLS handshake failed")[0]
    assert told["level"] == "info" and told["listener"] == "public" and told["reason"] == "no_certificate", told
    assert told["client"].startswith("127.0.0.1:") and told["detail"] and told["left_out"] == 0, told


@test("a client that says goodbye and leaves its socket open has left: the backend's work ends")
def _(t):
    upstream = t.upstream()
    sluice = secured(t, backend=upstream)
    client = pairs.connect(t, sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD)
    # As Python's asyncio ends a connection: it sends close_notify and waits for the other side's.
    client.socket.setblocking(False)
    try:
        client.socket.unwrap()
    except ssl.SSLWantReadError:
        pass
    assert backend.read_to_end() == b""
    assert sluice.access_log(1)[0]["error"] == "client_gone"


# Clients that do harm --------------------------------------------------------------------------------------------


@test("plain HTTP on the port is told so in plain HTTP")
def _(t):
    sluice = secured(t)
    for line in ("GET / HTTP/1.1", "OPTIONS * HTTP/1.1", "PRI * HTTP/2.0"):
        client = t.connect(sluice)
        client.send(f"{line}\r\nHost: h\r\n\r\n".encode())
        refused = client.read_response()
        assert refused.status == 400 and b"https://" in refused.body, refused
        client.expect_end()
    assert failures(sluice, reason="plain_http") == 3


@test("a slow handshake is cut at its deadline, which each byte does not move")
def _(t):
    sluice = secured(t, handshake_timeout="400ms")
    client = t.connect(sluice)
    hello = bytes.fromhex("160301020001")
    ended = threading.Event()

    def drip():
        for byte in hello:
            if ended.wait(0.15):
                return
            try:
                client.send(bytes([byte]))
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    client.read_to_end()
    ended.set()
    dripping.join()
    assert client.ended
    sluice.wait_until(lambda: failures(sluice, reason="timeout") == 1, "it is counted")


@test("garbage, a client that leaves at once, and a torn hello harm nobody")
def _(t):
    sluice = secured(t)
    for data in (b"\x00" * 100, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b"", b"\x16\x03\x01\x40\x00" + b"\xff" * 16384):
        client = t.connect(sluice)
        client.send(data)
        client.half_close()
        client.read_to_end()
    good = pairs.connect(t, sluice)
    good.send(GET)
    assert good.read_response().body == b"hello"
    assert failures(sluice) == 4


@test("a client that leaves while it waits ends the backend's work")
def _(t):
    upstream = t.upstream()
    for way in (wire.Wire.leave, wire.Wire.reset, lambda c: c.socket.unwrap().close()):
        sluice = secured(t, backend=upstream)
        client = pairs.connect(t, sluice)
        client.send(request(body=chat(stream=True)))
        backend = upstream.accept()
        backend.read_request()
        backend.send(EVENTS_HEAD + chunk(event("a")))
        client.read_until(b"data: ")
        client.socket.settimeout(0.2)  # nobody answers the goodbye: the gateway closes
        try:
            way(client)
        except OSError:
            client.leave()
        backend.expect_end()
        sluice.wait_idle()
        assert sluice.access_log(1)[0]["error"] == "client_gone"


@test("an answer that the backend cut is cut for the client, without a goodbye that makes it look whole")
def _(t):
    upstream = t.upstream()
    sluice = secured(t, backend=upstream)
    client = pairs.connect(t, sluice)
    client.send(b"GET /v1/x HTTP/1.0\r\n\r\n")
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"half of it"))
    client.read_until(b"half of it")
    backend.leave()
    try:
        client.read_to_end()
        assert client.ended == "reset", client.ended
    except ssl.SSLError:
        pass  # an end without close_notify


@test("large answers arrive whole through a client that reads slowly")
def _(t):
    content = bytes(range(256)) * 40_000
    sluice = secured(t, backend=t.serving(lambda _r, c: c.send(answer(content))))
    client = pairs.connect(t, sluice)
    client.send(GET)
    assert client.read_response().body == content
    upload = bytes(range(256)) * 8_000
    echo = t.serving(lambda r, c: c.send(answer(r.body)))
    sluice.reload(gateway.config([echo.address], listeners=[pairs.listener()]))
    client.send(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(upload) + upload)
    assert client.read_response().body == upload
    assert sluice.metrics().sum("sluice_read_buffers_in_use") == 0


# Certificates that change ----------------------------------------------------------------------------------------


class Site:
    """Certificate files that the test exchanges."""

    def __init__(self, t):
        self.folder = pathlib.Path(t.folder) / "tls"
        self.folder.mkdir()
        self.use("site-ec")

    def use(self, name, key=None):
        for source, ending in ((name, "pem"), (key or name, "key")):
            fresh = self.folder / f"next.{ending}"
            shutil.copy(pairs.path(f"{source}.{ending}"), fresh)
            fresh.rename(self.folder / f"site.{ending}")

    def settings(self, backend, **sections):
        pair = {"cert_file": str(self.folder / "site.pem"), "key_file": str(self.folder / "site.key")}
        listener = {"name": "public", "address": "127.0.0.1:0", "tls": {"certificates": [pair]}}
        return gateway.config([backend.address], listeners=[listener], **sections)


def shown(t, sluice):
    """The name in the certificate that a new connection is shown."""
    client = pairs.connect(t, sluice, "site.test", unverified())
    der = client.socket.getpeercert(binary_form=True)
    client.leave()
    pem = ssl.DER_cert_to_PEM_cert(der)
    text = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, capture_output=True, text=True, check=True)
    return text.stdout.strip().removeprefix("subject=CN = ")


def unverified():
    context = pairs.client_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@test("a changed file of the same name counts as a change: new connections see it, open ones live on")
def _(t):
    site, backend = Site(t), named(t)
    settings = site.settings(backend)
    sluice = t.gateway(settings)
    old = pairs.connect(t, sluice)
    assert sluice.reload(settings)["message"] == "configuration unchanged"
    site.use("shop-ec")
    assert sluice.reload(settings)["message"] == "configuration reloaded"
    assert shown(t, sluice) == "shop.test"
    old.send(GET)
    assert old.read_response().body == b"hello"
    expiry = sluice.metrics().sum("sluice_certificate_expiry_timestamp_seconds", file=str(site.folder / "site.pem"))
    assert expiry == 4891363200, expiry  # 2125-01-01


@test("a certificate that cannot be used leaves the old one in force and says why")
def _(t):
    site, backend = Site(t), named(t)
    sluice = t.gateway(site.settings(backend))
    site.use("shop-ec", key="site-ec")
    report = sluice.reload()
    assert report["message"] == "configuration not reloaded", report
    assert "is not the key of the certificate" in sluice.stderr and "listeners[0].tls.certificates[0].key_file" in sluice.stderr
    assert shown(t, sluice) == "site.test"
    (site.folder / "site.pem").unlink()
    assert sluice.reload()["message"] == "configuration not reloaded"
    assert "cannot be opened: No such file or directory" in sluice.stderr
    assert shown(t, sluice) == "site.test"
    secret = pathlib.Path(pairs.path("site-ec.key")).read_text().splitlines()[1]
    assert secret[:20] not in sluice.stderr


@test("with reload.watch a renewed certificate is taken without being asked")
def _(t):
    site, backend = Site(t), named(t)
    sluice = t.gateway(site.settings(backend, reload={"watch": True}))
    site.use("shop-ec")
    sluice.wait_until(lambda: sluice.said("configuration reloaded"), "the change is noticed")
    assert shown(t, sluice) == "shop.test"
    site.use("site-ec")
    sluice.wait_until(lambda: len(sluice.said("configuration reloaded")) == 2, "and the next")
    assert shown(t, sluice) == "site.test"


@test("certificates are exchanged under load without a dropped connection")
def _(t):
    site, backend = Site(t), named(t)
    settings = site.settings(backend)
    sluice = t.gateway(settings, threads=2)
    stop, problems, served = threading.Event(), [], []

    def load():
        context = unverified()
        while not stop.is_set():
            try:
                client = wire.Wire(context.wrap_socket(process.connect(sluice.address).socket, server_hostname="site.test"))
                for _ in range(3):
                    client.send(GET)
                    assert client.read_response().body == b"hello"
                client.leave()
                served.append(1)
            except (OSError, AssertionError, EOFError) as problem:
                problems.append(problem)
                return

    clients = [threading.Thread(target=load) for _ in range(4)]
    for c in clients:
        c.start()
    for i in range(20):
        site.use(("shop-ec", "site-ec")[i % 2])
        assert sluice.reload(settings)["message"] == "configuration reloaded"
    stop.set()
    for c in clients:
        c.join()
    assert not problems, problems
    assert len(served) >= 4


@test("SIGTERM lets answers end over TLS and ends handshakes that never do")
def _(t):
    upstream = t.upstream()
    sluice = secured(t, backend=upstream)
    stuck = t.connect(sluice)
    stuck.send(b"\x16\x03")
    client = pairs.connect(t, sluice)
    client.send(request(body=chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")))
    client.read_until(b"data: ")
    sluice.signal(signal.SIGTERM)
    stuck.read_to_end()
    assert stuck.ended
    backend.send(chunk(event("b")) + LAST_CHUNK)
    client.read_until(b"0\r\n\r\n")
    sluice.wait()


# The configuration -----------------------------------------------------------------------------------------------


def checked(t, settings):
    file = t.folder / "checked.yaml"
    file.write_text(settings if isinstance(settings, str) else __import__("json").dumps(settings, indent=1))
    run = subprocess.run([process.BIN / "sluice", "validate", file], capture_output=True, text=True, check=False)
    return run.returncode, run.stderr


@test("validate finds certificates that are missing, locked, foreign or expired")
def _(t):
    def with_pair(cert, key):
        listener = {"name": "public", "address": "127.0.0.1:0",
                    "tls": {"certificates": [{"cert_file": pairs.path(cert), "key_file": pairs.path(key)}]}}
        return checked(t, gateway.config(["127.0.0.1:1"], listeners=[listener]))

    assert with_pair("site-ec.pem", "site-ec.key") == (0, "")
    for cert, key, words in (("missing.pem", "site-ec.key", "No such file"), ("site-ec.pem", "locked.key", "passphrase"),
                             ("site-ec.pem", "shop-ec.key", "not the key"), ("empty.pem", "site-ec.key", "holds no certificate")):
        status, said = with_pair(cert, key)
        assert status == 2 and words in said, said
    status, said = with_pair("expired.pem", "expired.key")
    assert status == 0 and "expired on 2020-02-01" in said and "warning" in said, said


main()
