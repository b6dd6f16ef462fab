"""TLS with the pairs of certificate and key in tests/support/certificates."""

import ssl

from . import process, upstream, wire

CERTIFICATES = process.SOURCE / "tests/support/certificates"


def path(name):
    return str(CERTIFICATES / name)


def pair(name):
    return {"cert_file": path(f"{name}.pem"), "key_file": path(f"{name}.key")}


def listener(*names, **settings):
    """The settings of a listener with these certificates; `site-ec`, for the name site.test, by default."""
    return {"name": "public", "address": "127.0.0.1:0",
            "tls": {"certificates": [pair(name) for name in names or ["site-ec"]]} | settings}


def client_context(*, authority="ca", certificate=None, maximum=None, alpn=None):
    context = ssl.create_default_context(cafile=path(f"{authority}.pem"))
    if certificate:
        context.load_cert_chain(path(f"{certificate}.pem"), path(f"{certificate}.key"))
    if maximum:
        context.maximum_version = maximum
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def connect(t, sluice, name="site.test", context=None, session=None):
    """A client's connection, its handshake done, closed at the end of the test at the latest."""
    plain = t.connect(sluice).socket
    secure = (context or client_context()).wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False,
                                                       session=session)
    return t.closes(wire.Wire(secure))


class Upstream(upstream.Upstream):
    """A backend that the test plays itself, behind TLS."""

    def __init__(self, name="backend", client_authority=None, **options):
        super().__init__(**options)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_authority and path(f"{client_authority}.pem"))
        self.context.load_cert_chain(path(f"{name}.pem"), path(f"{name}.key"))
        if client_authority:
            self.context.verify_mode = ssl.CERT_REQUIRED

    def accept(self):
        connection = super().accept()
        connection.socket = self.context.wrap_socket(connection.socket, server_side=True)
        return connection

    def refuse(self):
        """Accepts a connection whose handshake fails, and says why."""
        connection = super().accept()
        try:
            self.context.wrap_socket(connection.socket, server_side=True)
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)
        raise AssertionError("the handshake succeeded")
