#!/usr/bin/python3
"""What a ticket of a TLS session is good for: no early data, no other listener, no listener that now asks for more."""

import ssl
import subprocess

from harness import gateway, pairs, process
from harness.http import answer
from harness.suite import main, test

GET = b"GET /v1/x HTTP/1.1\r\nHost: site.test\r\n\r\n"


def config(t, *listeners):
    backend = t.serving(lambda _r, c: c.send(answer(b"hello")))
    return gateway.config([backend.address], listeners=list(listeners))


def listener(name="public", **settings):
    return pairs.listener(**settings) | {"name": name}


def asked(t, address, context, session=None):
    """A connection over which a request was answered, so that its ticket has come."""
    plain = process.connect(address).socket
    client = context.wrap_socket(plain, server_hostname="site.test", suppress_ragged_eofs=False, session=session)
    connection = t.closes(pairs.wire.Wire(client))
    connection.send(GET)
    assert connection.read_response().body == b"hello"
    return connection


for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):

    @test(f"a session of one listener does not count at another ({version.name})")
    def _(t, version=version):
        sluice = t.gateway(config(t, listener("one"), listener("other")))
        context = pairs.client_context(maximum=version)
        session = asked(t, sluice.addresses[0], context).socket.session
        assert asked(t, sluice.addresses[0], context, session).socket.session_reused
        assert not asked(t, sluice.addresses[1], context, session).socket.session_reused

    @test(f"a session from before certificates were asked for lets nobody in afterwards ({version.name})")
    def _(t, version=version):
        sluice = t.gateway(config(t, listener()))
        context = pairs.client_context(maximum=version)
        session = asked(t, sluice.address, context).socket.session
        demanding = config(t, listener(client_certificates="required", client_ca_file=pairs.path("ca.pem")))
        assert sluice.reload(demanding)["message"] == "configuration reloaded"
        try:
            asked(t, sluice.address, context, session)
        except (ssl.SSLError, OSError, EOFError):
            pass
        else:
            raise AssertionError("a client without a certificate was served")
        known = asked(t, sluice.address, pairs.client_context(maximum=version, certificate="client"))
        assert not known.socket.session_reused


@test("no ticket allows early data, so none that could be replayed is ever heard")
def _(t):
    sluice = t.gateway(config(t, listener()))
    saved, early = t.folder / "session", t.folder / "early"
    early.write_bytes(b"POST /v1/SMUGGLED HTTP/1.1\r\nHost: site.test\r\nContent-Length: 0\r\n\r\n")

    def s_client(*options):
        run = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % sluice.address, "-servername", "site.test", "-tls1_3",
                              "-CAfile", pairs.path("ca.pem"), "-ign_eof", *options],
                             input=GET[:-2] + b"Connection: close\r\n\r\n", capture_output=True, timeout=process.PATIENCE, check=False)
        return (run.stdout + run.stderr).decode("latin-1")

    said = s_client("-sess_out", str(saved))
    assert "Max Early Data: 0" in said and "Compression: NONE" in said, said
    said = s_client("-sess_in", str(saved), "-early_data", str(early))
    assert "Early data was accepted" not in said and "hello" in said, said
    assert [line["path"] for line in sluice.access_log(2)] == ["/v1/x", "/v1/x"]


main()
