#!/usr/bin/python3
"""What only HTTP/2 towards backends has, and what backends may get wrong in it."""

import json

from harness import backends, clients, downstream, frames, gateway, header_blocks
from harness.framing import BY_MODEL
from harness.http import chat
from harness.suite import main, test

TEXT = (("content-type", "text/plain"),)
PROMPT = json.dumps(chat()).encode()


class Setting:
    """A gateway with one backend that speaks HTTP/2, and clients that do not."""

    def __init__(self, t, protocol):
        self._t, self._protocol = t, protocol
        self.backend = backends.start(t, protocol)
        self.sluice = None

    def start(self, *, pool=None, **options):
        cluster = {"name": "models", "endpoints": [{"address": self.backend.address}]} | self._protocol.cluster()
        self.sluice = self._t.gateway(gateway.config(clusters=[cluster | ({"pool": pool} if pool else {})], **options))

    def begin(self, *arguments, **options):
        """A client's exchange, each on a connection of its own."""
        return clients.connect(self._t, self.sluice, downstream.HTTP1).begin(*arguments, **options)

    def served(self):
        """An ordinary exchange from start to end; gives the backend's side of it."""
        asked = self.begin("GET")
        exchange = self.backend.accept()
        exchange.answer(b"served")
        assert got(asked) == (200, b"served")
        return exchange


def got(exchange):
    return exchange.read_head().status, exchange.read_to_end()


def connection_of(exchange):
    return exchange.stream.connection


def case(sentence):
    def register(function):
        for protocol in [p for p in backends.SPOKEN if p.http2]:

            @test(f"{sentence} ({protocol.name})")
            def _(t, protocol=protocol):
                function(Setting(t, protocol))

        return function

    return register


# Connections -------------------------------------------------------------------------------------------------------


@case("fifty exchanges at once share few connections")
def _(s):
    s.start()
    s.served()
    asked = [s.begin(body=b"%d" % i) for i in range(50)]
    for exchange in [s.backend.accept() for _ in asked]:
        exchange.answer(exchange.read_to_end())
    assert [got(exchange) for exchange in asked] == [(200, b"%d" % i) for i in range(50)]
    assert s.backend.connections <= 2, s.backend.connections


@case("a request's head that HTTP/2 cannot carry is the client's fault and disturbs nobody")
def _(s):
    s.start(http={"max_head_bytes": "64KiB"}, retry={"attempts": 3})
    s.served()
    asked = s.begin("GET", headers=[("x-long", "v" * 65_000)])
    assert asked.read_head().status == 431
    line = s.sluice.access_log(2)[1]
    assert (line["status"], line["fault"], line["attempts"]) == (431, "downstream", 1), line
    endpoint = s.sluice.endpoints()[s.backend.address]
    assert (endpoint["attempts"], endpoint["failures"]) == (2, 0), endpoint
    s.served()
    assert s.backend.connections == 1, s.backend.connections


@case("a backend's GOAWAY lets its streams end, and what comes next has a new connection")
def _(s):
    s.start()
    asked = s.begin("GET")
    old = s.backend.accept()
    connection_of(old).send(frames.goaway(old.stream.number))
    connection_of(old).ping()
    new = s.served()
    assert connection_of(new) is not connection_of(old)
    old.answer(b"late")
    assert got(asked) == (200, b"late")


@case("a stream that a backend's GOAWAY leaves out is sent again")
def _(s):
    s.start(routes=[BY_MODEL[1]], retry={"attempts": 2})
    asked = s.begin(body=PROMPT)
    left_out = s.backend.accept()
    connection_of(left_out).send(frames.goaway(0))
    again = s.backend.accept()
    assert connection_of(again) is not connection_of(left_out) and again.read_to_end() == PROMPT
    again.answer(b"again")
    assert got(asked) == (200, b"again")


@case("no more streams are opened than the backend allows")
def _(s):
    s.start(pool={"max_connections": 1})
    connection = connection_of(s.served())
    connection.send(frames.settings((frames.MAX_CONCURRENT_STREAMS, 2)))
    connection.ping()
    asked = [s.begin(body=b"%d" % i) for i in range(6)]
    for _ in range(6):
        exchange = s.backend.accept()
        open_now = [n for n, stream in connection.streams.items() if n >= exchange.stream.number]
        assert len(open_now) <= 2, open_now
        exchange.answer(exchange.read_to_end())
    assert sorted(got(exchange) for exchange in asked) == [(200, b"%d" % i) for i in range(6)]


@case("a backend that closes its connection fails what was on it, and the next has a new one")
def _(s):
    s.start(retry={"attempts": 1})
    asked = [s.begin("GET") for _ in range(5)]
    served = [s.backend.accept() for _ in asked]
    connection_of(served[0]).wire.leave()
    s.backend.forget(connection_of(served[0]))
    assert [got(exchange)[0] for exchange in asked] == [502] * 5
    s.served()


@case("a backend that answers in HTTP/1.1 is a bad gateway, not a hang")
def _(s):
    s.start(retry={"attempts": 1})
    asked = s.begin("GET")
    connection = s.backend.accept_raw()
    connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    status, _ = got(asked)
    assert status in (502, 503), status
    connection.read_to_end()


@case("a connection's first frame must be SETTINGS")
def _(s):
    s.start(retry={"attempts": 1})
    asked = s.begin("GET")
    connection = s.backend.accept_raw()
    connection.send(frames.ping())
    assert got(asked)[0] in (502, 503)
    connection.read_to_end()


# Windows and frames --------------------------------------------------------------------------------------------------


@case("an upload waits for the backend's window and arrives whole")
def _(s):
    s.start()
    connection_of(s.served()).send(frames.settings((frames.INITIAL_WINDOW_SIZE, 10)))
    asked = s.begin(body=b"x" * 1000)
    exchange = s.backend.accept()
    body = b""
    while len(body) < 1000:
        body += exchange.read(10)
    assert body == b"x" * 1000 and exchange.read_to_end() == b""
    exchange.answer(b"all")
    assert got(asked) == (200, b"all")


@case("a backend's larger frames are not sent to it beyond its limit, nor is more taken than was offered")
def _(s):
    s.start()
    connection_of(s.served()).send(frames.settings((frames.MAX_FRAME_SIZE, 2**24 - 1)))
    asked = s.begin(body=b"x" * 100_000)
    exchange = s.backend.accept()
    assert exchange.read_to_end() == b"x" * 100_000
    connection_of(exchange).send(frames.headers(exchange.stream.number, header_blocks.plain([(":status", "200")])),
                                 frames.data(exchange.stream.number, b"x" * 20_000, end=True))
    assert asked.read_head().status in (200, 502)
    goaway = connection_of(exchange).wait_end()
    assert goaway is not None and goaway.error == frames.FRAME_SIZE_ERROR, goaway


@case("interim answers do not reach the client, and too many of them are an error")
def _(s):
    s.start(retry={"attempts": 1})
    asked = s.begin("GET")
    exchange = s.backend.accept()
    for status in ("100", "103"):
        exchange.stream.send_head([(":status", status)])
    exchange.answer(b"final")
    assert got(asked) == (200, b"final")
    asked = s.begin("GET")
    exchange = s.backend.accept()
    for _ in range(200):
        connection_of(exchange).send_if_open(
            frames.headers(exchange.stream.number, header_blocks.plain([(":status", "103")])))
    assert got(asked)[0] == 502


# Malformed answers ---------------------------------------------------------------------------------------------------

MALFORMED = {
    "without :status": [("x-a", "b")],
    "with two :status": [(":status", "200"), (":status", "200")],
    "with :status behind a field": [("x-a", "b"), (":status", "200")],
    "with a status of two digits": [(":status", "20")],
    "with a status of four digits": [(":status", "2000")],
    "with a status that is no number": [(":status", "abc")],
    "with a status above 599": [(":status", "999")],
    "with a pseudo-header field of requests": [(":status", "200"), (":path", "/")],
    "with 101": [(":status", "101")],
    "with a name in upper case": [(":status", "200"), ("X-A", "b")],
    "with a name with a space": [(":status", "200"), ("x a", "b")],
    "with CR LF in a value": [(":status", "200"), ("x-a", "b\r\nX-Smuggled: 1")],
    "with NUL in a value": [(":status", "200"), ("x-a", "b\0")],
    "with transfer-encoding": [(":status", "200"), ("transfer-encoding", "chunked")],
    "with connection": [(":status", "200"), ("connection", "close")],
    "with a signed content-length": [(":status", "200"), ("content-length", "+3")],
    "with two content-length fields": [(":status", "200"), ("content-length", "3"), ("content-length", "4")],
    "with megabytes of fields": [(":status", "200"), *((f"x-{i}", "v" * 1000) for i in range(15))] * 5,
}


def malformed(fault, fields):
    @case(f"an answer {fault} becomes 502, and the next request is served")
    def _(s):
        s.start(retry={"attempts": 1})
        asked = s.begin("GET")
        exchange = s.backend.accept()
        block = header_blocks.plain(fields)
        number = exchange.stream.number
        out = frames.headers(number, block[:16000], end_headers=len(block) <= 16000)
        for at in range(16000, len(block), 16000):
            out += frames.continuation(number, block[at:at + 16000], end_headers=at + 16000 >= len(block))
        connection_of(exchange).send_if_open(out, frames.data(number, b"abc", end=True))
        status, body = got(asked)
        assert status == 502 and json.loads(body)["error"]["code"] == "upstream_malformed", (status, body)
        assert s.sluice.access_log(1)[0]["error"] == "upstream_malformed"
        s.served()


for fault, fields in MALFORMED.items():
    malformed(fault, fields)


@case("an answer that is not as long as its content-length is cut")
def _(s):
    s.start()
    for content in (b"ab", b"abcd"):
        asked = s.begin("GET")
        exchange = s.backend.accept()
        exchange.begin(headers=TEXT, length=3)
        connection_of(exchange).send(frames.data(exchange.stream.number, content, end=True))
        try:
            status, body = got(asked)
        except clients.Cut:
            continue
        assert status == 502, (status, body)
    s.served()


def connection_fault(fault, sent, code):
    """`sent(stream number)`: bytes that end the connection; every exchange on it fails, and the next is served."""
    @case(f"{fault} of a backend ends its connection with {frames.error_name(code)}")
    def _(s):
        s.start(retry={"attempts": 1})
        asked = [s.begin("GET") for _ in range(2)]
        served = [s.backend.accept() for _ in asked]
        connection = connection_of(served[0])
        connection.send(sent(served[0].stream.number))
        assert [got(exchange)[0] for exchange in asked] == [502] * 2
        goaway = connection.wait_end()
        assert goaway is not None and goaway.error == code, connection.history()
        s.backend.forget(connection)
        s.served()


connection_fault("a header block that cannot be decoded", lambda n: frames.headers(n, b"\x80"), frames.COMPRESSION_ERROR)
connection_fault("a push", lambda n: frames.push_promise(n, 2, header_blocks.plain([(":method", "GET")])),
                 frames.PROTOCOL_ERROR)
connection_fault("DATA on stream 0", lambda n: frames.data(0, b"x"), frames.PROTOCOL_ERROR)
connection_fault("HEADERS on a stream that nobody opened",
                 lambda n: frames.headers(99, header_blocks.plain([(":status", "200")])), frames.PROTOCOL_ERROR)
connection_fault("a window above 2^31-1", lambda n: frames.window_update(0, frames.LARGEST_WINDOW) * 2,
                 frames.FLOW_CONTROL_ERROR)
connection_fault("a PING of six bytes", lambda n: frames.frame(frames.PING, 0, 0, b"x" * 6), frames.FRAME_SIZE_ERROR)


# Floods --------------------------------------------------------------------------------------------------------------


def flood(name, piece):
    @case(f"a backend's flood of {name} is cut, and costs little memory")
    def _(s):
        s.start(retry={"attempts": 1})
        s.served()
        before = s.sluice.resident_bytes()
        asked = s.begin("GET")
        exchange = s.backend.accept()
        connection = connection_of(exchange)
        batch = piece(exchange.stream.number) * 200
        sent = 0
        try:
            while sent < 64 * 1024 * 1024:
                connection.send(batch)
                sent += len(batch)
        except OSError:
            pass
        assert sent < 64 * 1024 * 1024, "the gateway takes it all"
        assert got(asked)[0] == 502
        grown = s.sluice.resident_bytes() - before
        assert grown <= 2 * 1024 * 1024, f"the gateway has grown by {grown} bytes"
        s.backend.forget(connection)
        s.served()


flood("PING", lambda n: frames.ping())
flood("SETTINGS", lambda n: frames.settings((frames.INITIAL_WINDOW_SIZE, 65535)))
flood("empty DATA", lambda n: frames.data(n))
flood("empty DATA in padding", lambda n: frames.frame(frames.DATA, frames.PADDED, n, b"\0"))
flood("WINDOW_UPDATE", lambda n: frames.window_update(0, 1))
flood("interim answers", lambda n: frames.headers(n, header_blocks.plain([(":status", "103")])))


@case("a backend's header block without end is cut, and costs little memory")
def _(s):
    s.start(retry={"attempts": 1})
    s.served()
    before = s.sluice.resident_bytes()
    asked = s.begin("GET")
    exchange = s.backend.accept()
    connection, number = connection_of(exchange), exchange.stream.number
    connection.send(frames.headers(number, header_blocks.plain([(":status", "200")]), end_headers=False))
    piece = frames.continuation(number, header_blocks.literal("x-a", "v" * 1000) * 10, end_headers=False)
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            connection.send(piece * 10)
            sent += len(piece) * 10
    except OSError:
        pass
    assert sent < 64 * 1024 * 1024, "the gateway takes it all"
    assert got(asked)[0] == 502
    assert s.sluice.resident_bytes() - before <= 2 * 1024 * 1024
    s.backend.forget(connection)
    s.served()


@case("streams of one connection do not hold each other up when one client does not read")
def _(s):
    s.start(timeouts={"between_tokens": "10m", "first_content": "10m"})
    stuck = s.begin("GET")
    exchange = s.backend.accept()
    exchange.begin(length=50_000_000)
    connection, stream = connection_of(exchange), exchange.stream
    # As much as the gateway's window for this stream lets through while its client takes nothing.
    sent = 0
    while stream.window > 0 and connection.window > 0 and sent < 49_000_000:
        size = min(stream.window, connection.window, 16_000)
        stream.send(b"x" * size)
        connection.ping()
        sent += size
    for _ in range(5):
        s.served()
    stuck.leave()
    exchange.expect_cancelled()


main()
