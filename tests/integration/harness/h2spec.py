"""The 147 cases that h2spec (github.com/summerwind/h2spec) publishes for servers, under its numbers, on raw sockets.

Stricter than h2spec where it lets a server off: a connection error needs its GOAWAY with the right code and then the
connection's end, a stream error its RST_STREAM (or GOAWAY) with the right code; a bare close is neither. That is what
a client can act on, and RFC 9113 5.4.1 asks for it.

SLUICE_H2SPEC_SERVER=host:port judges another server instead, to judge the cases; with SLUICE_TEST_PATIENCE=2, since
what does not come is waited for, and with -k "HTTP/2:" or -k "in TLS:". Debian 12's servers, in front of a backend that
answers like ours:
  h2o 2.2 passes all but 5.1.1/2 (its code is STREAM_CLOSED), 8.1.2/1 and 8.1.2.3/1 (both are forwarded);
  nghttpx 1.52 passes all but 5.1/8, 5.1/9, 5.1/11, 5.1/12 and 5.1.1/2: it ignores frames of closed streams;
  nginx 1.22 fails 29: it closes without GOAWAY, answers malformed requests with 400, ignores closed streams."""

import os

from . import downstream, frames, gateway, header_blocks, http2
from .http import answer
from .suite import test

# Longer than the five bytes that the flow control cases ask for.
BODY = b"what the backend of the cases answers"
DUMMY = ("x-dummy", "x" * 4000)


class Peer(http2.FrameWire):
    """A client that sends exactly what a case says, and what a case may expect of the server."""

    def __init__(self, connection, scheme, authority):
        super().__init__(connection)
        self._encoder = header_blocks.Encoder()
        self._scheme, self._authority = scheme, authority
        self.settings = {}

    # What is sent

    def send(self, *pieces):
        try:
            super().send(*pieces)
        except OSError:
            pass  # the server has had enough already, and has said so

    def preface(self):
        self.send(frames.PREFACE, frames.settings((frames.INITIAL_WINDOW_SIZE, frames.DEFAULT_WINDOW)))

    def handshake(self):
        self.preface()
        theirs = acknowledged = False
        while not (theirs and acknowledged):
            read = self._next("the server's SETTINGS and its acknowledgement of ours")
            if read.type != frames.SETTINGS:
                continue
            if read.has(frames.ACK):
                acknowledged = True
            else:
                theirs = True
                self.settings = dict(read.settings)
                self.send(frames.settings_ack())

    @property
    def max_frame_size(self):
        return self.settings.get(frames.MAX_FRAME_SIZE, frames.DEFAULT_FRAME_SIZE)

    def fields(self, method="GET", **changes):
        """The fields of an ordinary request; a pseudo-header field that is None is left out."""
        wanted = {"method": method, "scheme": self._scheme, "path": "/", "authority": self._authority} | changes
        return [(f":{name}", value) for name, value in wanted.items() if value is not None]

    def block(self, fields):
        """A block coded with the connection's table: it must be sent, and only once."""
        return self._encoder.encode(fields)

    def shrink_table(self, size):
        self._encoder.header_table_size = size

    def request(self, stream=1, method="GET", *, end=True, extra=(), behind=b"", before=b"", **options):
        """A HEADERS frame; `before` and `behind` are raw representations around the block of the fields."""
        block = before + self.block([*self.fields(method), *extra]) + behind
        self.send(frames.headers(stream, block, end=end, **options))

    # What is expected

    def _next(self, what):
        try:
            read = self.read_frame()
        except AssertionError as error:
            raise AssertionError(f"expected {what}; {error}; came: {self.history()}") from None
        if read is None:
            raise AssertionError(f"expected {what}; the connection ended ({self.wire.ended}) after: {self.history()}")
        return read

    def next_of(self, kind):
        """The next frame of this type."""
        while True:
            read = self._next(f"{frames.TYPES[kind]}")
            if read.type == kind:
                return read

    def expect_answer(self, stream=1):
        read = self.next_of(frames.HEADERS)
        assert read.stream == stream, self.history()

    def expect_settings_ack(self):
        assert self.next_of(frames.SETTINGS).has(frames.ACK), self.history()

    def expect_ping_ack(self, opaque):
        read = self.next_of(frames.PING)
        assert read.has(frames.ACK) and read.payload == opaque, self.history()

    def expect_data(self, length):
        assert len(self.next_of(frames.DATA).payload) == length, self.history()

    def still_served(self, opaque=b"\0" * 8):
        """The connection lives: a PING comes back, and nothing else was a PING."""
        self.send(frames.ping(opaque))
        self.expect_ping_ack(opaque)

    def expect_pong_or_end(self, opaque=b"\0" * 8):
        """As still_served, where the server may also have had enough."""
        self.send(frames.ping(opaque))
        while True:
            read = self.read_frame()
            if read is None or (read.type == frames.PING and read.has(frames.ACK) and read.payload == opaque):
                return

    def expect_end(self):
        """Everything up to the connection's end."""
        while self.read_frame() is not None:
            pass

    def expect_connection_error(self, *codes):
        names = " or ".join(map(frames.error_name, codes))
        while True:
            read = self._next(f"GOAWAY {names}")
            if read.type == frames.GOAWAY:
                break
        assert read.error in codes, f"expected GOAWAY {names}; came: {self.history()}"
        self.expect_end()

    def expect_stream_error(self, *codes):
        names = " or ".join(map(frames.error_name, codes))
        while True:
            read = self._next(f"RST_STREAM or GOAWAY {names}")
            if read.type in (frames.RST_STREAM, frames.GOAWAY):
                break
        assert read.error in codes, f"expected RST_STREAM or GOAWAY {names}; came: {self.history()}"

    def expect_refused_preface(self):
        """GOAWAY may be left out for what is not HTTP/2 (RFC 9113 3.4), and a port that also speaks HTTP/1.1 answers in
        that: the connection must end."""
        said = self.wire.read_to_end()
        if said.startswith(b"HTTP/1.1 "):
            assert said.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")), said

    def expect_stream_end(self):
        while True:
            read = self._next("the end of the stream")
            if read.type in (frames.DATA, frames.HEADERS) and read.has(frames.END_STREAM):
                return
            if read.type == frames.RST_STREAM:
                assert read.error == frames.NO_ERROR, self.history()
                return


def _another_server(t, protocol):
    host, _, port = os.environ["SLUICE_H2SPEC_SERVER"].rpartition(":")
    connection = downstream.connect(t, (host, int(port)), protocol, trust=False)
    return Peer(connection, protocol.scheme, f"{host}:{port}")


def _gateway(t, protocol):
    backend = t.serving(lambda _, connection: connection.send(answer(BODY)))
    sluice = t.gateway(gateway.config([backend.address], listeners=[protocol.listener()]))
    return Peer(downstream.connect(t, sluice.address, protocol), protocol.scheme, "gateway")


_PROTOCOLS = [downstream.H2C, downstream.H2] if "SLUICE_H2SPEC_SERVER" in os.environ else downstream.HTTP2


def case(number, sentence):
    """Registers a case for every way of speaking HTTP/2 that the gateway has."""
    def register(function):
        for protocol in _PROTOCOLS:

            @test(f"{number} over {protocol.name}: {sentence}")
            def _(t, protocol=protocol):
                start = _another_server if "SLUICE_H2SPEC_SERVER" in os.environ else _gateway
                function(start(t, protocol))

        return function

    return register
