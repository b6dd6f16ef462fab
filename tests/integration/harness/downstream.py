"""The ways in which clients speak to the gateway: what the listener needs for each, and how a client connects."""

import dataclasses

from . import certificates, tls


@dataclasses.dataclass(frozen=True)
class Protocol:
    name: str
    encrypted: bool
    http2: bool

    @property
    def scheme(self):
        return "https" if self.encrypted else "http"

    @property
    def alpn(self):
        return "h2" if self.http2 else "http/1.1"

    def listener(self, http=None, tls=None):
        """A listener that serves this protocol, among others; `http` and `tls` are settings of its own."""
        listener = {"name": "public", "address": "127.0.0.1:0"}
        if self.encrypted:
            listener["tls"] = {"certificates": [certificates.server().files]} | (tls or {})
        return listener | ({"http": http} if http else {})


HTTP1 = Protocol("HTTP/1.1", False, False)
HTTPS1 = Protocol("HTTP/1.1 in TLS", True, False)
H2C = Protocol("HTTP/2", False, True)
H2 = Protocol("HTTP/2 in TLS", True, True)

# What the gateway speaks. The matrix, the cases of h2spec and every test of HTTP/2 and TLS run over what stands here.
SPOKEN = [HTTP1, HTTPS1, H2C, H2]
HTTP2 = [p for p in SPOKEN if p.http2]


def connect(t, address, protocol, *, trust=True):
    """A connection, closed at the end of the test at the latest."""
    if protocol.encrypted:
        client = tls.connect(address, protocol.alpn, trust=trust)
        t.closes(client)
        assert client.protocol == protocol.alpn, client.protocol
        return client
    return t.connect(address)
