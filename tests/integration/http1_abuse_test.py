#!/usr/bin/python3
"""What clients of HTTP/1.1 can make the gateway spend: slow ones, floods on one connection, bodies that grow. Each is
measured at its peak, is let go in time, and nobody else notices."""

import select

from harness import downstream, gateway, process
from harness.abuse import ALLOWED, LARGEST_FLOOD, Scene
from harness.framing import BY_MODEL, head
from harness.http import answer, chunk, openai_error
from harness.suite import main, test

MANY = 500
# What so many slow clients may add to the gateway's memory.
ALLOWED_FOR_MANY = 32 * 1024 * 1024
KIB, MIB = 1024, 1024 * 1024
# Bodies are read first, but for the bystander's.
READ_FIRST = [{"name": "bystander", "match": {"path": {"prefix": "/"}, "headers": [{"name": "x-by"}]},
               "clusters": [{"name": "models"}]}, *BY_MODEL]


def abuse(sentence):
    """Registers a test that gets a function which makes its Scene."""
    def register(function):
        @test(sentence)
        def _(t):
            function(t, lambda **options: Scene(t, downstream.HTTP1, **options))

        return function

    return register


# Slow clients -------------------------------------------------------------------------------------------------------


def crowd(name, first, http, status=None, **options):
    """MANY clients that send `first` and no more. `status`: what they are told at the end, if anything."""
    @abuse(f"{MANY} clients that {name} cost little, and are let go")
    def _(t, scene):
        stage = scene(http=http, **options)
        stage.sluice.forget_peak()
        before = stage.sluice.resident_bytes()
        clients = [t.connect(stage.sluice) for _ in range(MANY)]
        for client in clients:
            client.send(first)
        stage.bystander.serves(50)
        for client in clients:
            said = client.read_to_end()
            assert status is None or said.startswith(b"HTTP/1.1 %d " % status), said[:300]
            client.leave()
        grown = stage.sluice.peak_resident_bytes() - before
        assert grown <= ALLOWED_FOR_MANY, f"the gateway has grown by {grown} bytes"
        assert stage.attacks == 0, "a request that was not complete reached the backend"
        stage.bystander.serves(20)
        stage.bystander.leave()
        stage.sluice.wait_idle()


SLOW_HEAD = {"head_timeout": "3s", "idle_timeout": "3s"}
SLOW_BODY = {"body_grace": "3s", "min_body_rate": "1GiB"}
HALF_HEAD = head("GET /v1/x HTTP/1.1", *(f"X-{i}: {'v' * 100}" for i in range(90)))[:-2]
POST = "POST /v1/x HTTP/1.1"
crowd("say nothing", b"", SLOW_HEAD)
crowd("send one byte", b"G", SLOW_HEAD, 408)
crowd("stop in the middle of a head", HALF_HEAD[:200], SLOW_HEAD, 408)
crowd("send a long head without its end", HALF_HEAD, SLOW_HEAD, 408)
crowd("announce a body and send none of it", head(POST, "Content-Length: 16777216"), SLOW_BODY, 408, routes=READ_FIRST)
crowd("send a little of a large body that is read first", head(POST, "Content-Length: 16777216") + b" " * 4096, SLOW_BODY, 408,
      routes=READ_FIRST)
crowd("stop in the middle of a chunk", head(POST, "Transfer-Encoding: chunked") + b"ffffff\r\n" + b" " * 4096, SLOW_BODY, 408,
      routes=READ_FIRST)
crowd("stop inside a chunk's extension", head(POST, "Transfer-Encoding: chunked") + b"1;" + b"a" * 2048, SLOW_BODY, 408,
      routes=READ_FIRST)
crowd("wait for 100 Continue and then send nothing", head(POST, "Content-Length: 100000", "Expect: 100-continue"), SLOW_BODY, 100,
      routes=READ_FIRST)


@abuse(f"{MANY} clients that read nothing of their answers cost little, and are let go after write_timeout")
def _(t, scene):
    stage = scene(http={"write_timeout": "3s"})
    stage.bystander.leave()
    body = b"x" * 16 * MIB

    def serve(_request, connection):
        connection.send(answer(body))

    backend = t.serving(serve)
    sluice = stage.sluice
    sluice.reload(gateway.config([backend.address], http={"write_timeout": "3s"}))
    sluice.forget_peak()
    before = sluice.resident_bytes()
    clients = [t.connect(sluice) for _ in range(MANY)]
    for client in clients:
        client.send(head("GET /v1/x HTTP/1.1"))
    sluice.wait_until(lambda: len(sluice.access_lines()) >= MANY, "all of them are let go")
    grown = sluice.peak_resident_bytes() - before
    assert grown <= 2 * MANY * 64 * KIB, f"the gateway has grown by {grown} bytes"


# Floods on one connection ------------------------------------------------------------------------------------------


def flood(sock, pieces):
    """Sends what the iterator gives, reading nothing, until the gateway ends the connection."""
    ends = select.POLLRDHUP | select.POLLHUP | select.POLLERR
    poll = select.poll()
    poll.register(sock, ends | select.POLLOUT)
    sent, rest = 0, memoryview(b"")
    while sent < LARGEST_FLOOD:
        if not rest:
            rest = memoryview(next(pieces))
        ready = poll.poll(process.PATIENCE * 1000)
        assert ready, f"the gateway neither reads nor ends the connection, {sent} bytes in"
        if ready[0][1] & ends:
            return
        try:
            done = sock.send(rest[:65536])
        except OSError:
            return
        sent, rest = sent + done, rest[done:]
    raise AssertionError(f"the gateway has taken {sent} bytes")


def endless(piece, first=b""):
    if first:
        yield first
    batch = piece * (1 + 65536 // len(piece))
    while True:
        yield batch


def flooded(name, make, http=None, **options):
    @abuse(f"one connection with {name} costs at most a megabyte and is cut")
    def _(t, scene):
        # Lines that wait to be written are bounded by access_log.queue, however many connections there are.
        stage = scene(http={"write_timeout": "1s", "max_body_bytes": "1MiB"} | (http or {}),
                      observability={"access_log": {"file": "off"}}, **options)

        def attack():
            client = t.connect(stage.sluice)
            flood(client.socket, make())
            client.leave()

        # What only the first flood allocates is the pools' from then on.
        attack()
        stage.sluice.forget_peak()
        before = stage.sluice.resident_bytes()
        attack()
        grown = stage.sluice.peak_resident_bytes() - before
        assert grown <= ALLOWED, f"the gateway has grown by {grown} bytes"
        stage.bystander.serves(20)
        stage.bystander.leave()
        stage.sluice.wait_idle()


GOOD = head("GET /v1/good HTTP/1.1")
flooded("requests whose answers nobody reads", lambda: endless(GOOD))
flooded("requests for nothing whose answers nobody reads", lambda: endless(head("GET /nowhere HTTP/1.1")),
        routes=READ_FIRST)
flooded("a request line without end", lambda: endless(b"a", b"GET /"))
flooded("a field without end", lambda: endless(b"a", GOOD[:-2] + b"X-A: "))
flooded("fields without end", lambda: endless(b"X-A: b\r\n", GOOD[:-2]))
flooded("empty lines", lambda: endless(b"\r\n"))
flooded("zeros", lambda: endless(b"\0"))
CHUNKED = head(POST, "Transfer-Encoding: chunked")
for how, routes in (("read first", READ_FIRST), ("passed on", None)):
    flooded(f"a body in chunks of one byte that is {how}", lambda: endless(chunk(b" "), CHUNKED), routes=routes)
    flooded(f"an extension without end in a body that is {how}", lambda: endless(b"a", CHUNKED + b"1;"), routes=routes)
    flooded(f"a chunk's size without end in a body that is {how}", lambda: endless(b"0", CHUNKED), routes=routes)
    flooded(f"trailers without end behind a body that is {how}", lambda: endless(b"X-A: b\r\n", CHUNKED + b"0\r\n"), routes=routes)
    flooded(f"blanks without end behind a body that is {how}", lambda: endless(b" ", head(POST, "Content-Length: 262144")), routes=routes)


@abuse("three thousand connections that are reset at once leave nothing behind")
def _(t, scene):
    stage = scene()

    def attack(count):
        for i in range(count):
            client = process.connect(stage.sluice.address)
            client.send((b"", GOOD[:20], CHUNKED + b"5\r\nab")[i % 3])
            client.reset()

    attack(1000)
    stage.sluice.forget_peak()
    before = stage.sluice.resident_bytes()
    attack(3000)
    stage.bystander.serves(20)
    grown = stage.sluice.peak_resident_bytes() - before
    assert grown <= 4 * ALLOWED, f"the gateway has grown by {grown} bytes"
    stage.bystander.leave()
    stage.sluice.wait_idle()
    open_now = lambda: stage.sluice.metrics().sum("sluice_downstream_connections")
    stage.sluice.wait_until(lambda: open_now() <= 1, "no connection is left but the bystander's")


# What one body costs -------------------------------------------------------------------------------------------------

SIZE = 4 * MIB
TEXT = b"{\"model\":\"tiny\",\"prompt\":\"" + b"a" * SIZE + b"\"}"
NUMBERS = b"{\"model\":\"tiny\",\"prompt\":[" + b"1," * (SIZE // 2) + b"1]}"
NESTED = b"{\"model\":\"tiny\",\"prompt\":[" + b"[]," * (SIZE // 3) + b"1]}"
ESCAPES = b"{\"model\":\"tiny\",\"prompt\":\"" + b"\\u0061" * (SIZE // 6) + b"\"}"
LONG_NAME = b"{\"model\":\"tiny\",\"" + b"\\u0061" * (SIZE // 6) + b"\":1}"
LONG_MODEL = b"{\"model\":\"" + b"\\u0061" * (SIZE // 6) + b"\"}"


def framings(body):
    yield "with a length", head(POST, f"Content-Length: {len(body)}") + body
    yield "in chunks", CHUNKED + b"".join(chunk(body[i:i + 1000]) for i in range(0, len(body), 1000)) + b"0\r\n\r\n"


def one_body(name, body, times, room=MIB, status=200):
    """Measured in a gateway of its own, whose heap is not grown yet. `room`: what may come on top, whatever the size."""
    for how, raw in framings(body):

        @abuse(f"{name} that is read first ({how}) costs at most {room // KIB} KiB and {times} times its size")
        def _(t, scene, raw=raw):
            stage = scene(routes=READ_FIRST)
            client = t.connect(stage.sluice)
            # What only the first body allocates is not this one's.
            for _, small in framings(b"{\"model\":\"tiny\",\"prompt\":\"" + b"a" * 50_000 + b"\"}"):
                client.send(small)
                assert client.read_response().status == 200
            stage.sluice.forget_peak()
            before = stage.sluice.resident_bytes()
            client.send(raw)
            assert client.read_response().status == status
            grown = stage.sluice.peak_resident_bytes() - before
            assert grown <= room + times * len(body), f"the gateway has grown by {grown / len(body):.2f} times the body"
            stage.bystander.serves(20)
            stage.bystander.leave()


one_body("a body of text", TEXT, 2, 64 * KIB)
one_body("a body of escapes", ESCAPES, 2, 64 * KIB)
one_body("a body with a long name", LONG_NAME, 2)
one_body("a body with a long model", LONG_MODEL, 2, status=404)
# While it is parsed there are four bytes for each structural character, freed before the next body is.
one_body("a body of numbers", NUMBERS, 5)
one_body("a body of brackets", NESTED, 5)


@abuse("ten bodies of brackets at once cost their bytes, and one parse")
def _(t, scene):
    stage = scene(routes=READ_FIRST, http={"body_grace": "1m"})
    stage.sluice.forget_peak()
    before = stage.sluice.resident_bytes()
    clients = [t.connect(stage.sluice) for _ in range(10)]
    for client in clients:
        client.send(head(POST, f"Content-Length: {len(NESTED)}") + NESTED[:-1])
    stage.sluice.wait_until(lambda: len(stage.sluice.streams()) >= 10, "ten bodies are on their way")
    for client in clients:
        client.send(NESTED[-1:])
    for client in clients:
        assert client.read_response().status == 200
    grown = stage.sluice.peak_resident_bytes() - before
    assert grown <= (10 + 4) * len(NESTED) + MIB, f"the gateway has grown by {grown / len(NESTED):.2f} times a body"
    stage.bystander.serves(20)
    stage.bystander.leave()


@abuse("a route that does not read bodies passes a hundred megabytes on without holding them")
def _(t, scene):
    stage = scene(http={"max_body_bytes": "100MiB"})
    warm = t.connect(stage.sluice)
    warm.send(head(POST, "Content-Length: 100000") + b"x" * 100_000)
    assert warm.read_response().status == 200
    stage.sluice.forget_peak()
    before = stage.sluice.resident_bytes()
    client = t.connect(stage.sluice)
    client.send(head(POST, f"Content-Length: {100 * MIB}") + b"x" * (100 * MIB))
    assert client.read_response().status == 200
    grown = stage.sluice.peak_resident_bytes() - before
    assert grown <= ALLOWED, f"the gateway has grown by {grown} bytes"
    stage.bystander.serves(20)
    stage.bystander.leave()


# Overload -------------------------------------------------------------------------------------------------------------


@test("above max_streams clients are told so at once with Retry-After, while health and metrics are served")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], limits={"max_streams": 5}))
    held = [t.connect(sluice) for _ in range(5)]
    for client in held:
        client.send(head("GET /v1/x HTTP/1.1"))
    backends = [upstream.accept() for _ in held]
    for backend in backends:
        backend.read_request()
    for _ in range(20):
        client = t.connect(sluice)
        client.send(head("GET /v1/x HTTP/1.1"))
        refused = client.read_response()
        assert refused.status == 503 and refused.get("retry-after") == "1", refused.raw
        assert openai_error(refused)["code"] == "overloaded"
        client.leave()
    assert sluice.page("/live")[0] == sluice.page("/ready")[0] == 200
    assert sluice.metrics().sum("sluice_streams_open") == 5 and upstream.nobody_waits()
    for client, backend in zip(held, backends):
        backend.send(answer(b"ok"))
        client.read_response()
    assert len(sluice.access_log(25)) == 25


main()
