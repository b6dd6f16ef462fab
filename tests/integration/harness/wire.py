"""A connection seen as bytes, and just enough HTTP/1.1 to take messages apart without forgiving anything."""

import dataclasses
import select
import socket
import struct


def _chunks(read_exactly, read_until):
    """The raw bytes and the content of a chunked body, trailers included in the raw bytes."""
    raw, content = b"", b""
    while True:
        line = read_until(b"\r\n")
        raw += line
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        data = read_exactly(size + 2)
        if data[-2:] != b"\r\n":
            raise AssertionError(f"a chunk does not end with CRLF: {data[-20:]!r}")
        raw += data
        content += data[:-2]
    while True:
        line = read_until(b"\r\n")
        raw += line
        if line == b"\r\n":
            return raw, content


@dataclasses.dataclass
class Message:
    start_line: str
    headers: list  # of (lower-case name, value)
    body: bytes
    raw: bytes

    def all(self, name):
        return [v for n, v in self.headers if n == name]

    def get(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name} more than once: {values}")
        return values[0] if values else None

    @property
    def status(self):
        return int(self.start_line.split(" ")[1])

    @property
    def method(self):
        return self.start_line.split(" ")[0]

    @property
    def target(self):
        return self.start_line.split(" ")[1]


class Wire:
    """One end of a connection. Reads wait with a bound and say what was there when it ran out."""

    def __init__(self, sock):
        self.socket = sock
        self.received = bytearray()  # all bytes ever received
        self._used = 0
        self.ended = None  # "eof" or "reset" once the peer has ended its side

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        if self.ended:
            return False
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            raise AssertionError(f"nothing more came after {bytes(self.received[-300:])!r}") from None
        except (ConnectionResetError, BrokenPipeError):
            self.ended = "reset"
            return False
        if not data:
            self.ended = "eof"
            return False
        self.received += data
        return True

    def read_until(self, marker):
        searched = self._used
        while (at := self.received.find(marker, searched)) < 0:
            searched = max(self._used, len(self.received) - len(marker) + 1)
            if not self._more():
                raise EOFError(f"{self.ended} before {marker!r}, after {bytes(self.received[self._used:][-300:])!r}")
        return self._take(at + len(marker) - self._used)

    def read_exactly(self, size):
        while len(self.received) - self._used < size:
            if not self._more():
                raise EOFError(f"{self.ended} after {len(self.received) - self._used} of {size} bytes")
        return self._take(size)

    def read_to_end(self):
        """Everything up to the peer's end; `ended` says how it ended."""
        while self._more():
            pass
        return self._take(len(self.received) - self._used)

    def forget(self):
        """Drops what has been read, for answers that are too long to keep."""
        del self.received[:self._used]
        self._used = 0

    def _take(self, size):
        data = bytes(self.received[self._used:self._used + size])
        self._used += size
        return data

    def has_unread(self):
        """Bytes have been received that nobody has taken."""
        return len(self.received) > self._used

    def expect_end(self):
        """The peer ends the connection without another byte."""
        rest = self.read_to_end()
        if rest:
            raise AssertionError(f"more bytes before the end: {rest[:300]!r}")

    def has_news(self):
        """Bytes or an end have arrived. Does not wait."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def is_open(self):
        """No end has arrived so far. Does not wait."""
        if self.ended:
            return False
        if not self.has_news():
            return True
        try:
            peeked = self.socket.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            return False
        return bool(peeked)

    def read_head(self):
        raw = self.read_until(b"\r\n\r\n")
        lines = raw[:-4].split(b"\r\n")
        if b"\n" in raw.replace(b"\r\n", b""):
            raise AssertionError(f"a bare LF in {raw!r}")
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon:
                raise AssertionError(f"a header line without a colon: {line!r}")
            headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))
        return Message(lines[0].decode("latin-1"), headers, b"", raw)

    def read_request(self):
        message = self.read_head()
        self._read_body(message, until_close=False)
        return message

    def read_to_end_of_request(self):
        """A request, or nothing if the peer has ended the connection instead."""
        try:
            return self.read_request()
        except EOFError:
            return None

    def read_response(self, *, to_head=False):
        message = self.read_head()
        if not (to_head or message.status in (204, 304) or message.status < 200):
            self._read_body(message, until_close=True)
        return message

    def _read_body(self, message, until_close):
        if message.get("transfer-encoding") is not None:
            if message.get("transfer-encoding") != "chunked" or message.get("content-length") is not None:
                raise AssertionError(f"framing in doubt: {message.raw!r}")
            raw, message.body = _chunks(self.read_exactly, self.read_until)
            message.raw += raw
            return
        if message.get("content-length") is not None:
            message.body = self.read_exactly(int(message.get("content-length")))
        elif until_close:
            message.body = self.read_to_end()
        message.raw += message.body

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def leave(self):
        self.socket.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class ChunkedContent:
    """The content of a chunked body as it arrives, piece by piece."""

    def __init__(self, connection):
        self._connection = connection
        self._content = b""
        self.finished = False
        self.trailers = []  # of (lower-case name, value)

    def read(self, size):
        """Exactly so many bytes of content; waits for them."""
        while len(self._content) < size:
            if not self._next_chunk():
                raise EOFError(f"the body ended after {self._content!r}, {size} bytes were due")
        data, self._content = self._content[:size], self._content[size:]
        return data

    def read_to_end(self):
        """The rest, up to the last chunk."""
        while self._next_chunk():
            pass
        data, self._content = self._content, b""
        return data

    def _next_chunk(self):
        if self.finished:
            return False
        size = int(self._connection.read_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            while (line := self._connection.read_until(b"\r\n")) != b"\r\n":
                name, _, value = line.decode("latin-1").partition(":")
                self.trailers.append((name.lower(), value.strip()))
            self.finished = True
            return False
        data = self._connection.read_exactly(size + 2)
        if not data.endswith(b"\r\n"):
            raise AssertionError(f"a chunk does not end with CRLF: {data[-20:]!r}")
        self._content += data[:-2]
        return True
