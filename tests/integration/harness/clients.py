"""Clients and their exchanges, whatever the protocol: what the matrix's scenarios speak to the gateway with.

A client of HTTP/1.1 has one connection per exchange under way and uses those again whose exchange is over; a client of
HTTP/2 has one connection."""

import dataclasses

from . import downstream, http2, wire


class Cut(Exception):
    """The answer ended visibly unfinished."""


@dataclasses.dataclass
class Head:
    status: int
    headers: list  # of (lower-case name, value), without pseudo-header fields

    def get(self, name):
        values = [v for n, v in self.headers if n == name]
        assert len(values) < 2, (name, self.headers)
        return values[0] if values else None


class Http1Exchange:
    def __init__(self, client, connection, method):
        self._client, self.connection, self._method = client, connection, method
        self._body = None

    def send(self, content):
        self.connection.send(b"%x\r\n%s\r\n" % (len(content), content))

    def finish(self, trailers=()):
        lines = "".join(f"{name}: {value}\r\n" for name, value in trailers)
        self.connection.send(b"0\r\n" + lines.encode() + b"\r\n")

    def read_head(self):
        message = self.connection.read_head()
        self._body = _Http1Body(self.connection, message, self._method)
        self._closing = message.get("connection") == "close"
        return Head(message.status, message.headers)

    def read(self, size):
        return self._body.read(size)

    def read_to_end(self):
        """The rest of the content; Cut if the answer is cut."""
        content = self._body.read_to_end()
        if self._closing:
            self.connection.expect_end()
        else:
            self._client.keep(self.connection)
        return content

    def read_to_cut(self):
        """What came of the content before it was cut."""
        return self._body.read_to_cut()

    def cancel(self):
        self.connection.leave()

    def leave(self):
        """The client goes, and its connection with it."""
        self.connection.leave()


class _Http1Body:
    def __init__(self, connection, message, method):
        self._connection = connection
        self._chunks = wire.ChunkedContent(connection) if message.get("transfer-encoding") else None
        none = method == "HEAD" or message.status in (204, 304)
        self._left = 0 if none else int(message.get("content-length") or 0)
        if none:
            self._chunks = None

    def read(self, size):
        try:
            if self._chunks:
                self._connection.forget()
                return self._chunks.read(size)
            assert size <= self._left, f"{size} bytes of {self._left}"
            content = self._connection.read_exactly(size)
            self._connection.forget()
            self._left -= size
            return content
        except EOFError as error:
            raise Cut(str(error)) from None

    def read_to_end(self):
        try:
            return self._chunks.read_to_end() if self._chunks else self.read(self._left)
        except EOFError as error:
            raise Cut(str(error)) from None

    def read_to_cut(self):
        content = b""
        try:
            while True:
                if self._chunks:
                    content += self._chunks.read(1)
                    assert not self._chunks.finished, content
                else:
                    content += self.read(1)
        except (Cut, EOFError):
            assert not (self._chunks and self._chunks.finished), content
            assert self._chunks or self._left > 0, content
            return content


class Http1Client:
    def __init__(self, t, address, protocol):
        self._t, self._address, self._protocol = t, address, protocol
        self._idle = []

    def keep(self, connection):
        self._idle.append(connection)

    def begin(self, method="POST", path="/v1/chat/completions", body=None, headers=(), *, whole=True, host="gateway"):
        """Sends a request. If it is not `whole`, its body goes on with send() and finish()."""
        connection = self._idle.pop() if self._idle else downstream.connect(self._t, self._address, self._protocol)
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in headers)]
        if not whole:
            lines.append("Transfer-Encoding: chunked")
        elif body is not None:
            lines.append(f"Content-Length: {len(body)}")
        connection.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body if whole and body else b""))
        exchange = Http1Exchange(self, connection, method)
        if not whole and body:
            exchange.send(body)
        return exchange


class Http2Exchange:
    def __init__(self, stream):
        self._stream = stream
        self.connection = stream.connection

    def send(self, content):
        self._stream.send(content)

    def finish(self, trailers=()):
        if trailers:
            self._stream.send_head(list(trailers), end=True)
        else:
            self._stream.send(end=True)

    def read_head(self):
        with _cuts():
            fields = self._stream.read_head()
        assert fields[0][0] == ":status" and not any(n.startswith(":") for n, _ in fields[1:]), fields
        banned = {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"}
        assert not banned & {n for n, _ in fields}, fields
        return Head(int(fields[0][1]), fields[1:])

    def read(self, size):
        with _cuts():
            return self._stream.read(size)

    def read_to_end(self):
        with _cuts():
            return self._stream.read_to_end()

    def read_to_cut(self):
        self._stream.wait_reset()
        assert not self._stream.ended
        return self._stream.read(len(self._stream.content))

    def cancel(self):
        self._stream.cancel()

    def leave(self):
        self.connection.wire.leave()


class _cuts:
    """What ends an HTTP/2 stream before its time is the same Cut as in HTTP/1.1."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is not None and issubclass(kind, (http2.Reset, http2.Ended, EOFError)):
            raise Cut(str(error)) from None


class Http2Client:
    def __init__(self, t, address, protocol, *settings):
        self.scheme = protocol.scheme
        self.connection = http2.Client(downstream.connect(t, address, protocol), *settings)

    def begin(self, method="POST", path="/v1/chat/completions", body=None, headers=(), *, whole=True, host="gateway"):
        stream = self.connection.open()
        fields = http2.fields(method, path, [(n.lower(), v) for n, v in headers], scheme=self.scheme, authority=host)
        if whole and body is not None:
            fields.append(("content-length", str(len(body))))
        stream.send_head(fields, end=whole and not body)
        if body:
            stream.send(body, end=whole)
        return Http2Exchange(stream)


def connect(t, sluice, protocol):
    kind = Http2Client if protocol.http2 else Http1Client
    return kind(t, sluice.address, protocol)
