"""TLS around a connection of the test, either end."""

import select
import ssl

from . import certificates, process, wire


def client_context(*protocols, trust=True, certificate=None):
    """`trust` is the tests' own authority, or nobody: then any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        context.load_verify_locations(certificates.authority().cert)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    if certificate is not None:
        context.load_cert_chain(certificate.cert, certificate.key)
    return context


def server_context(*protocols, certificate=None, client_authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = certificate or certificates.backend()
    context.load_cert_chain(certificate.cert, certificate.key)
    if protocols:
        context.set_alpn_protocols(protocols)
    if client_authority is not None:
        context.load_verify_locations(client_authority.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


class TlsWire(wire.Wire):
    """As Wire. An end without close_notify is told apart: `ended` is "cut" then."""

    def _more(self):
        try:
            return super()._more()
        except ssl.SSLEOFError:
            self.ended = "cut"
        except ssl.SSLError as error:
            self.ended = f"alert: {error.reason}"
        return False

    def has_news(self):
        return bool(self.socket.pending() or select.select([self.socket], [], [], 0)[0])

    def is_open(self):
        raise NotImplementedError("what has arrived under TLS cannot be looked at without taking it")

    @property
    def protocol(self):
        """What ALPN agreed on."""
        return self.socket.selected_alpn_protocol()

    def half_close(self):
        """close_notify would wait for the peer's; TCP's end is sent instead."""
        self.socket.shutdown(1)


def connect(address, *protocols, server_name="gateway", **options):
    plain = process.connect(address)
    try:
        return TlsWire(client_context(*protocols, **options).wrap_socket(plain.socket, server_hostname=server_name))
    except BaseException:
        plain.leave()
        raise


def accept(sock, context):
    """The server's end of a connection that has been accepted."""
    try:
        return TlsWire(context.wrap_socket(sock, server_side=True))
    except BaseException:
        sock.close()
        raise
