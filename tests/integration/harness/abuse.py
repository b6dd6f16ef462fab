"""Floods over HTTP/2, and what must be true of the gateway meanwhile."""

import select
import threading

from . import clients, downstream, frames, gateway, header_blocks, http2, process
from .http import answer

# What a flooding connection may add to the gateway's memory.
ALLOWED = 1024 * 1024
# Sent at most; a gateway that takes all of it has not noticed.
LARGEST_FLOOD = 64 * 1024 * 1024


class Bystander:
    """A client with a connection of its own that asks for one thing after the other from a thread, and wants it."""

    def __init__(self, t, sluice, protocol):
        self._client = clients.connect(t, sluice, protocol)
        self._stop = threading.Event()
        self.served = 0
        self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stop.is_set():
                asked = self._client.begin(body=b"{}", headers=[("x-by", "stander")])
                assert asked.read_head().status == 200
                assert asked.read_to_end() == b"served"
                self.served += 1
        except Exception as error:  # told by leave()
            self.error = error

    def serves(self, count):
        """Waits until it has been served so many more times."""
        wanted = self.served + count
        process.wait_until(lambda: self.error or self.served >= wanted, "the bystander is served")
        assert self.error is None, f"the bystander: {self.error!r}"

    def leave(self):
        self._stop.set()
        self._thread.join(process.PATIENCE)
        assert self.error is None, f"the bystander: {self.error!r}"


class Attacker(http2.FrameWire):
    """A connection that is through its handshake and follows no rule from then on."""

    def __init__(self, connection, scheme, *settings):
        super().__init__(connection)
        self.scheme = scheme
        self.next_stream = 1
        self.goaway = None
        self.over = False
        self.sent = 0
        self.send(frames.PREFACE, frames.settings(*settings))
        self._acknowledged = 0
        while self._acknowledged < 2:
            self.next_frame()

    def fields(self, *extra, method="POST", path="/v1/attack"):
        return [(":method", method), (":scheme", self.scheme), (":path", path), (":authority", "gateway"), *extra]

    def head(self, *extra, end=True, behind=b"", stream=None, **changes):
        """A HEADERS frame that opens the next stream."""
        block = header_blocks.plain(self.fields(*extra, **changes)) + behind
        if stream is None:
            stream = self.take_stream()
        return frames.headers(stream, block, end=end)

    def take_stream(self):
        self.next_stream += 2
        return self.next_stream - 2

    def next_frame(self):
        """The next frame; None at the connection's end."""
        read = self.read_frame()
        self._take(read)
        return read

    def _take(self, read):
        if read is None:
            self.over = True
        elif read.type == frames.GOAWAY:
            self.goaway = read
        elif read.type == frames.SETTINGS:
            self._acknowledged += 1
            if not read.has(frames.ACK):
                self.send(frames.settings_ack())

    def _read_some(self):
        """Takes the frames that are there. Does not wait for more than the rest of one."""
        while not self.over and (self.wire.has_unread() or self.wire.has_news()):
            try:
                self.next_frame()
            except http2.Torn:
                self.over = True  # cut in the middle of a frame
        del self.seen[:-100]

    def flood(self, pieces, *, reading=True, watch=lambda: None):
        """Sends what the iterator gives until the gateway cuts the connection; `watch` is called now and then."""
        sock, rest = self.wire.socket, memoryview(b"")
        while not self.over and self.goaway is None and self.sent < LARGEST_FLOOD:
            if not rest:
                rest = memoryview(next(pieces))
                watch()
            readable, writable, _ = select.select([sock] if reading else [], [sock], [], process.PATIENCE)
            assert readable or writable, "the gateway neither reads nor ends the connection"
            if readable:
                self._read_some()
            elif writable:
                try:
                    done = sock.send(rest)
                except OSError:
                    break  # what the gateway said before is read below
                self.sent += done
                rest = rest[done:]
        assert self.sent < LARGEST_FLOOD, f"the gateway has taken {self.sent} bytes"
        self.wait_end()

    def wait_end(self):
        """Reads up to the connection's end."""
        while not self.over:
            try:
                self.next_frame()
            except http2.Torn:
                self.over = True


class Scene:
    """A gateway with a backend that serves, a bystander, and the gateway's memory before anybody attacks."""

    def __init__(self, t, protocol, answer_bytes=6, **options):
        self._t, self._protocol = t, protocol
        self.attacks = 0
        counting = threading.Lock()

        def serve(request, connection):
            if request.get("x-by") == "stander":
                connection.send(answer(b"served"))
                return
            with counting:
                self.attacks += 1
            connection.send(answer(bytes(answer_bytes)))

        self.backend = t.serving(serve)
        listener = protocol.listener(options.pop("http", None), options.pop("tls", None))
        self.sluice = t.gateway(gateway.config([self.backend.address], listeners=[listener], **options))
        self.bystander = Bystander(t, self.sluice, protocol)
        self.bystander.serves(50)
        self.peak = 0

    def attacker(self, *settings):
        connection = downstream.connect(self._t, self.sluice.address, self._protocol)
        return Attacker(connection, self._protocol.scheme, *settings)

    def serves_another(self):
        """A bystander that comes only now is served."""
        another = Bystander(self._t, self.sluice, self._protocol)
        another.serves(20)
        another.leave()

    def watch(self):
        self.peak = max(self.peak, self.sluice.own_bytes())

    def cuts(self):
        """Connections that the gateway has cut, by reason."""
        samples = self.sluice.metrics().samples
        return {dict(labels)["reason"]: value for (name, labels), value in samples.items()
                if name == "sluice_http2_cuts_total"}

    def flooded(self, attack, codes, reasons):
        """Runs `attack(attacker)`, which must be cut with GOAWAY and one of the codes, be counted as one of the
        reasons, cost little memory, and harm nobody."""
        counted = lambda: sum(self.cuts().get(reason, 0) for reason in reasons)
        before, cuts = self.sluice.own_bytes(), counted()
        self.peak = before
        attacker = self.attacker()
        attack(attacker)
        self.watch()
        assert attacker.goaway is not None, f"cut without GOAWAY ({attacker.wire.ended})"
        assert attacker.goaway.error in codes, attacker.goaway
        assert counted() == cuts + 1, (reasons, self.cuts())
        self.unharmed(before)

    def unharmed(self, before, allowed=ALLOWED):
        assert self.peak - before <= allowed, f"the gateway has grown by {self.peak - before} bytes"
        self.bystander.serves(20)
        self.bystander.leave()
        self.sluice.wait_idle()
