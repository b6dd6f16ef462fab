"""HTTP/2 on a connection, both ends: what the peer sends is taken as strictly as wire.py takes HTTP/1.1.

Nothing runs by itself: whoever waits for something reads frames and hands them to their streams until it is there.
SETTINGS and PING are answered as they are read; windows are opened as content is taken."""

from . import frames, header_blocks

# Both windows as this end offers them, so that nobody stalls by accident.
WINDOW = 1 << 20


class Reset(AssertionError):
    """The peer has reset the stream that something was expected of."""


class Ended(AssertionError):
    """The peer has ended the connection, with GOAWAY or without."""


class Torn(AssertionError):
    """The peer has ended the connection inside a frame."""


class FrameWire:
    """Frames over a wire.Wire."""

    def __init__(self, connection):
        self.wire = connection
        self.seen = []  # of every frame, for messages and for those who want the order

    def send(self, *pieces):
        self.wire.send(b"".join(pieces))

    def send_if_open(self, *pieces):
        try:
            self.send(*pieces)
        except OSError:
            pass  # what the peer said before it left is read all the same

    def read_frame(self):
        """The next frame; None once the peer has ended the connection between two frames."""
        try:
            header = self.wire.read_exactly(9)
        except EOFError:
            rest = self.wire.read_to_end()
            if rest:
                raise Torn(f"the connection ended inside a frame: {rest!r}") from None
            return None
        length, kind, flags, stream = frames.parse_header(header)
        try:
            payload = self.wire.read_exactly(length)
        except EOFError as error:
            raise Torn(f"the connection ended inside a frame: {header!r}, {error}") from None
        self.wire.forget()
        read = frames.Frame(kind, flags, stream, payload)
        self.seen.append(read)
        return read

    def history(self):
        return "; ".join(str(f) for f in self.seen[-20:]) or "no frame"


class Stream:
    """One exchange as one end of it sees it."""

    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.heads = []  # of what the peer has sent: heads, trailers last; each a list of (name, value)
        self.content = bytearray()  # received and not yet taken
        self.ended = False  # the peer has ended its side
        self.reset = None  # the code of the peer's RST_STREAM
        self.window = connection.peer_initial_window

    def send_head(self, fields, *, end=False):
        block = self.connection.encoder.encode(fields, huffman=False)
        first, rest = block[:frames.DEFAULT_FRAME_SIZE], block[frames.DEFAULT_FRAME_SIZE:]
        out = frames.headers(self.number, first, end=end, end_headers=not rest)
        while rest:
            piece, rest = rest[:frames.DEFAULT_FRAME_SIZE], rest[frames.DEFAULT_FRAME_SIZE:]
            out += frames.continuation(self.number, piece, end_headers=not rest)
        self.connection.send(out)

    def send(self, content=b"", *, end=False):
        """Waits for the peer's windows where they are too small."""
        rest = memoryview(content)
        while rest:
            if self.reset is not None:
                raise Reset(f"stream {self.number}: {frames.error_name(self.reset)}")
            size = min(len(rest), self.window, self.connection.window, frames.DEFAULT_FRAME_SIZE)
            if size <= 0:
                self.connection.pump()
                continue
            self.window -= size
            self.connection.window -= size
            self.connection.send(frames.data(self.number, bytes(rest[:size]), end=end and size == len(rest)))
            rest = rest[size:]
        if not content:
            self.connection.send(frames.data(self.number, b"", end=end))

    def cancel(self, error=frames.CANCEL):
        self.connection.send(frames.rst_stream(self.number, error))

    def _wait(self, condition):
        while not condition():
            if self.reset is not None and not self.ended:
                raise Reset(f"stream {self.number}: {frames.error_name(self.reset)}")
            if self.ended:
                raise EOFError(f"stream {self.number} ended: {self.heads}, {bytes(self.content[-200:])!r}")
            self.connection.pump()

    def read_head(self):
        """The next head as a dict-like list of fields, pseudo-header fields among them."""
        self._wait(lambda: self.heads)
        return self.heads.pop(0)

    def read(self, size):
        """Exactly so many bytes of content."""
        if len(self.content) < size:
            self._wait(lambda: len(self.content) >= size)
        return self._take(size)

    def read_to_end(self):
        """The rest of the content; the trailers, if there are any, are the next head."""
        content = bytearray()
        while True:
            ended = self.ended
            content += self._take(len(self.content))
            if ended:
                return bytes(content)
            self._wait(lambda: self.content or self.ended)

    def wait_reset(self):
        """The code of the RST_STREAM that must come."""
        while self.reset is None:
            self.connection.pump()
        return self.reset

    def _take(self, size):
        taken = bytes(self.content[:size])
        del self.content[:size]
        if size:
            updates = frames.window_update(0, size)
            if not self.ended and self.reset is None:
                updates += frames.window_update(self.number, size)
            self.connection.send_if_open(updates)
        return taken


class Connection(FrameWire):
    """What clients and servers have in common."""

    def __init__(self, connection):
        super().__init__(connection)
        self.encoder, self.decoder = header_blocks.Encoder(), header_blocks.Decoder()
        self.decoder.max_header_list_size = 1 << 24
        self.streams = {}
        self.settings = {}  # the peer's
        self.settings_acknowledged = 0
        self.pings = []  # what PING answers carried
        self.peer_initial_window = frames.DEFAULT_WINDOW
        self.window = frames.DEFAULT_WINDOW
        self.goaway = None  # the last GOAWAY frame
        self.over = False
        self._block = None  # the HEADERS frame whose CONTINUATION frames are awaited, with its block so far

    def hello(self, *settings):
        """Our SETTINGS, with room for a lot of content."""
        self.send(frames.settings((frames.INITIAL_WINDOW_SIZE, WINDOW), *settings),
                  frames.window_update(0, WINDOW - frames.DEFAULT_WINDOW))

    def pump(self):
        """Reads one frame and does what it asks for; Ended if there is none any more."""
        read = self.read_frame()
        if read is None:
            self.over = True
            raise Ended(f"the connection ended ({self.wire.ended}) after: {self.history()}")
        if self._block is not None and read.type != frames.CONTINUATION:
            raise AssertionError(f"a header block is interrupted: {self.history()}")
        handler = getattr(self, f"_on_{frames.TYPES[read.type].lower()}", None) if read.type < 10 else None
        if handler is not None:
            handler(read)

    def wait_end(self):
        """Reads up to the connection's end; gives the GOAWAY, None if there was none."""
        while not self.over:
            try:
                self.pump()
            except Ended:
                pass
        return self.goaway

    def is_idle(self):
        """No frame has arrived that was not read. Does not wait."""
        return not self.wire.has_unread() and not self.wire.has_news()

    def ping(self, opaque=b"sluice-t"):
        """A round trip: whatever the peer had to say about what was sent before has been read."""
        before = len(self.pings)
        self.send(frames.ping(opaque))
        while opaque not in self.pings[before:]:
            self.pump()

    def _stream_of(self, read):
        stream = self.streams.get(read.stream)
        if stream is None:
            raise AssertionError(f"a frame for a stream that is not there: {self.history()}")
        return stream

    def _end(self, stream, read):
        if read.has(frames.END_STREAM):
            stream.ended = True

    def _on_data(self, read):
        stream = self._stream_of(read)
        if stream.ended:
            raise AssertionError(f"DATA behind the stream's end: {self.history()}")
        stream.content += read.content
        padding = len(read.payload) - len(read.content)
        if padding:
            self.send_if_open(frames.window_update(0, padding), frames.window_update(read.stream, padding))
        self._end(stream, read)

    def _on_headers(self, read):
        self._block = (read, read.content)
        if read.has(frames.END_HEADERS):
            self._head_complete()

    def _on_continuation(self, read):
        if self._block is None or self._block[0].stream != read.stream:
            raise AssertionError(f"CONTINUATION of nothing: {self.history()}")
        self._block = (self._block[0], self._block[1] + read.payload)
        if read.has(frames.END_HEADERS):
            self._head_complete()

    def _head_complete(self):
        (read, block), self._block = self._block, None
        fields = [(name.decode("latin-1"), value.decode("latin-1"))
                  for name, value in self.decoder.decode(block, raw=True)]
        for name, _ in fields:
            if name != name.lower():
                raise AssertionError(f"a name in upper case: {fields}")
        stream = self.streams.get(read.stream) or self._peer_opens(read)
        stream.heads.append(fields)
        self._end(stream, read)

    def _peer_opens(self, read):
        raise AssertionError(f"the peer opens stream {read.stream}: {self.history()}")

    def _on_rst_stream(self, read):
        self._stream_of(read).reset = read.error

    def _on_settings(self, read):
        if read.has(frames.ACK):
            self.settings_acknowledged += 1
            return
        for name, value in read.settings:
            if name == frames.INITIAL_WINDOW_SIZE:
                for stream in self.streams.values():
                    stream.window += value - self.peer_initial_window
                self.peer_initial_window = value
            if name == frames.HEADER_TABLE_SIZE:
                self.encoder.header_table_size = min(value, 4096)
            self.settings[name] = value
        self.send_if_open(frames.settings_ack())

    def _on_ping(self, read):
        if read.has(frames.ACK):
            self.pings.append(read.payload)
        else:
            self.send_if_open(frames.ping(read.payload, ack=True))

    def _on_goaway(self, read):
        self.goaway = read

    def _on_window_update(self, read):
        if read.stream == 0:
            self.window += read.increment
        elif read.stream in self.streams:
            self.streams[read.stream].window += read.increment

    def _on_push_promise(self, _):
        raise AssertionError(f"a push: {self.history()}")


class Client(Connection):
    def __init__(self, connection, *settings):
        super().__init__(connection)
        self._next = 1
        self.send(frames.PREFACE)
        self.hello((frames.ENABLE_PUSH, 0), *settings)

    def open(self):
        """A stream without a head so far."""
        stream = self.streams[self._next] = Stream(self, self._next)
        self._next += 2
        return stream

    def request(self, fields, body=None):
        """Sends a whole request; `fields` with the pseudo-header fields."""
        stream = self.open()
        stream.send_head(fields, end=body is None)
        if body is not None:
            stream.send(body, end=True)
        return stream


class Server(Connection):
    def __init__(self, connection, *settings):
        super().__init__(connection)
        preface = self.wire.read_exactly(len(frames.PREFACE))
        if preface != frames.PREFACE:
            raise AssertionError(f"no preface: {preface!r}")
        self.waiting = []  # streams whose head has come and that nobody has taken
        self.hello(*settings)

    def _peer_opens(self, read):
        if read.stream % 2 == 0 or read.stream <= max(self.streams, default=0):
            raise AssertionError(f"stream {read.stream} opened out of order: {self.history()}")
        stream = self.streams[read.stream] = Stream(self, read.stream)
        self.waiting.append(stream)
        return stream

    def accept(self):
        """The next stream that the peer opens; its request's head has come."""
        while not self.waiting:
            self.pump()
        return self.waiting.pop(0)


def fields(method="POST", path="/v1/chat/completions", headers=(), *, scheme="http", authority="gateway"):
    """A request's fields as a careful client orders them."""
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *headers]
