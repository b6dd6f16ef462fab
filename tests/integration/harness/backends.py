"""Backends and their exchanges, whatever the protocol, played by the test: the other half of the matrix.

Nothing is accepted, read or sent on its own; HTTP/2's own answers (SETTINGS, PING) go out as frames are read."""

import dataclasses
import select
import socket

from . import certificates, frames, http2, process, tls, wire


@dataclasses.dataclass(frozen=True)
class Protocol:
    name: str
    encrypted: bool
    http2: bool
    configured: dict  # the cluster's keys beside its endpoints

    def cluster(self):
        keys = dict(self.configured)
        if self.encrypted:
            keys["tls"] = {"ca_file": str(certificates.authority().cert), "server_name": "backend"}
        return keys


HTTP1 = Protocol("HTTP/1.1", False, False, {})
HTTPS1 = Protocol("HTTP/1.1 in TLS", True, False, {})
H2C = Protocol("HTTP/2", False, True, {"protocol": "h2c"})
H2 = Protocol("HTTP/2 in TLS", True, True, {"protocol": "h2"})

# What the gateway speaks; as in downstream.py.
SPOKEN = [HTTP1, HTTPS1, H2C, H2]


class Http1Exchange:
    """A request as the backend gets it, and its answer."""

    def __init__(self, backend, connection):
        self._backend, self._connection = backend, connection
        message = connection.read_head()
        self.method, self.path, self.headers = message.method, message.target, message.headers
        self._chunked = wire.ChunkedContent(connection) if message.get("transfer-encoding") else None
        self._left = int(message.get("content-length") or 0)
        self._answer_chunked = True

    def get(self, name):
        return next((v for n, v in self.headers if n == name), None)

    @property
    def authority(self):
        return self.get("host")

    def read(self, size):
        if self._chunked:
            return self._chunked.read(size)
        self._left -= size
        return self._connection.read_exactly(size)

    def read_to_end(self):
        return self._chunked.read_to_end() if self._chunked else self.read(self._left)

    def trailers(self):
        """The fields behind a request's body that was read to its end."""
        return self._chunked.trailers if self._chunked else []

    def begin(self, status=200, headers=(("content-type", "text/event-stream"),), *, length=None, end=False):
        """The answer's head; its body goes on with send() and finish(), unless it is the end."""
        self._answer_chunked = length is None and not end
        self._connection.send(self._head(status, headers, length))
        if end:
            self._backend.keep(self._connection)

    def _head(self, status, headers, length):
        lines = [f"HTTP/1.1 {status} Said", *(f"{n}: {v}" for n, v in headers)]
        if self._answer_chunked:
            lines.append("transfer-encoding: chunked")
        elif length is not None:
            lines.append(f"content-length: {length}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def send(self, *pieces):
        """In one send; where the body is chunked each piece is a chunk."""
        self._connection.send(b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) if self._answer_chunked
                              else b"".join(pieces))

    def finish(self, trailers=()):
        if self._answer_chunked:
            lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
            self._connection.send(b"0\r\n" + lines.encode() + b"\r\n")
        self._backend.keep(self._connection)

    def answer(self, body=b"{}", status=200, headers=(("content-type", "application/json"),)):
        """Head and body in one send."""
        self._answer_chunked = False
        self._connection.send(self._head(status, headers, len(body)) + body)
        self._backend.keep(self._connection)

    def cut(self):
        self._connection.leave()

    def refuse(self):
        """Ends the exchange so that it may be tried again: nothing was done of it."""
        self._connection.leave()

    def expect_cancelled(self):
        """The gateway has given the exchange up: nothing more of the request comes but its end."""
        self._connection.read_to_end()


class Http2Exchange:
    def __init__(self, stream):
        self.stream = stream
        fields = stream.read_head()
        pseudo = dict(f for f in fields if f[0].startswith(":"))
        assert [n for n, _ in fields[:len(pseudo)]] == list(pseudo), f"pseudo-header fields first: {fields}"
        assert set(pseudo) == {":method", ":scheme", ":path", ":authority"}, fields
        self.method, self.path, self.authority = pseudo[":method"], pseudo[":path"], pseudo[":authority"]
        self.scheme = pseudo[":scheme"]
        self.headers = fields[len(pseudo):]
        banned = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "host"}
        assert not banned & {n for n, _ in self.headers}, fields

    def get(self, name):
        return next((v for n, v in self.headers if n == name), None)

    def read(self, size):
        return self.stream.read(size)

    def read_to_end(self):
        return self.stream.read_to_end()

    def trailers(self):
        """The fields behind a request's body that was read to its end."""
        return self.stream.heads[0] if self.stream.heads else []

    def begin(self, status=200, headers=(("content-type", "text/event-stream"),), *, length=None, end=False):
        fields = [(":status", str(status)), *headers]
        if length is not None:
            fields.append(("content-length", str(length)))
        self.stream.send_head(fields, end=end)

    def send(self, content):
        self.stream.send(content)

    def finish(self, trailers=()):
        if trailers:
            self.stream.send_head(list(trailers), end=True)
        else:
            self.stream.send(end=True)

    def answer(self, body=b"{}", status=200, headers=(("content-type", "application/json"),)):
        self.begin(status, headers, length=len(body))
        self.stream.send(body, end=True)

    def cut(self):
        self.stream.cancel(frames.INTERNAL_ERROR)

    def refuse(self):
        self.stream.cancel(frames.REFUSED_STREAM)

    def expect_cancelled(self):
        self.stream.wait_reset()


class Backend:
    def __init__(self, protocol):
        self.protocol = protocol
        self._socket = process.listen()
        self.host, self.port = self._socket.getsockname()[:2]
        self.address = f"{self.host}:{self.port}"
        self.connections = 0  # accepted so far
        self._open = []
        self._idle = []  # connections of HTTP/1.1 whose exchange is over
        self._servers = []
        self._context = tls.server_context("h2" if protocol.http2 else "http/1.1") if protocol.encrypted else None

    def keep(self, connection):
        self._idle.append(connection)

    def accept(self):
        """The next request, on a new connection or on one that is there."""
        while True:
            for server in self._servers:
                if server.waiting:
                    return Http2Exchange(server.accept())
            ready = self._wait()
            if ready is self._socket:
                self._accept_connection()
            elif self.protocol.http2:
                self._read_frame(ready)
            else:
                self._idle.remove(ready)
                try:
                    return Http1Exchange(self, ready)
                except EOFError:
                    pass  # the gateway has closed a connection that was idle

    def accept_raw(self):
        """A connection with which nothing has been done but TLS's handshake."""
        return self._accepted()

    def forget(self, server):
        """A connection of HTTP/2 that has ended, or that the test has closed, is not waited on any more."""
        if server in self._servers:
            self._servers.remove(server)

    def nobody_waits(self):
        """No connection is waiting to be accepted at this moment."""
        return not select.select([self._socket], [], [], 0)[0]

    def stop_listening(self):
        self._socket.close()

    def _wait(self):
        watched = {s.wire.socket: s for s in self._servers} | {c.socket: c for c in self._idle}
        for server in self._servers:
            if server.wire.has_unread():
                return server
        for sock, owner in watched.items():
            if self._context and sock.pending():
                return owner
        ready = select.select([self._socket, *watched], [], [], process.PATIENCE)[0]
        if not ready:
            raise AssertionError("no request reached the backend")
        return watched.get(ready[0], self._socket)

    def _accepted(self):
        sock, _ = self._socket.accept()
        sock.settimeout(process.PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = tls.accept(sock, self._context) if self._context else wire.Wire(sock)
        self.connections += 1
        self._open.append(connection)
        return connection

    def _accept_connection(self):
        connection = self._accepted()
        if self.protocol.http2:
            self._servers.append(http2.Server(connection))
        else:
            self._idle.append(connection)

    def _read_frame(self, server):
        try:
            server.pump()
        except http2.Ended:
            self._servers.remove(server)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self._open:
            connection.leave()
        self._socket.close()


def start(t, protocol):
    return t.enter(Backend(protocol))
