#!/usr/bin/python3
"""Floods over one HTTP/2 connection: it is cut and counted, its memory is bounded, and nobody else notices."""

import itertools
import random

from harness import downstream, frames, header_blocks, process
from harness.abuse import Scene
from harness.frames import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, STREAM_CLOSED
from harness.suite import main, test

CALM = (ENHANCE_YOUR_CALM,)
BATCH = 100  # frames per send


def abuse(sentence):
    """Registers a test that gets a function which makes its Scene."""
    def register(function):
        for protocol in downstream.HTTP2[:1]:

            @test(sentence)
            def _(t, protocol=protocol):
                function(lambda **options: Scene(t, protocol, **options))

        return function

    return register


def flood(name, reasons, pieces, codes=CALM, *, reading=True, before=None):
    """`pieces(attacker)` gives what is sent, one batch after the other, behind what `before(attacker)` gives."""
    @abuse(f"a flood of {name} is cut")
    def _(scene):
        stage = scene()

        def attack(attacker):
            if before:
                attacker.send(before(attacker))
            attacker.flood(pieces(attacker), reading=reading, watch=stage.watch)

        stage.flooded(attack, codes, reasons.split())


def forever(batch):
    return itertools.repeat(batch * BATCH)


def each_stream(one):
    """Batches of `one(attacker, stream)` on ever new streams."""
    def pieces(attacker):
        while True:
            yield b"".join(one(attacker, attacker.take_stream()) for _ in range(BATCH))
    return pieces


# Frames that ask for nothing -------------------------------------------------------------------------------------

flood("PING", "control_flood", lambda _: forever(frames.ping()))
flood("PING whose answers are not read", "control_flood", lambda _: forever(frames.ping()), reading=False)
flood("answers to PING", "control_flood", lambda _: forever(frames.ping(ack=True)))
flood("SETTINGS", "control_flood", lambda _: forever(frames.settings((frames.INITIAL_WINDOW_SIZE, 65535))))
flood("SETTINGS whose acknowledgements are not read", "control_flood", lambda _: forever(frames.settings()),
      reading=False)
flood("SETTINGS that move all windows", "control_flood", lambda _: itertools.cycle(
    [frames.settings(*[(frames.INITIAL_WINDOW_SIZE, size) for size in range(65000, 65100)]) * BATCH]))
flood("PRIORITY", "control_flood", lambda _: itertools.repeat(
    b"".join(frames.priority(2 * i + 1) for i in range(BATCH))))
flood("WINDOW_UPDATE on the connection", "control_flood", lambda _: forever(frames.window_update(0, 1)))
flood("WINDOW_UPDATE on a stream", "control_flood", lambda _: forever(frames.window_update(1, 1)),
      before=lambda a: a.head(end=False))
flood("empty DATA", "control_flood", lambda _: forever(frames.data(1)), before=lambda a: a.head(end=False))
flood("empty DATA in padding", "control_flood", lambda _: forever(frames.frame(frames.DATA, frames.PADDED, 1, b"\0")),
      before=lambda a: a.head(end=False))
flood("frames of an unknown type", "control_flood", lambda _: forever(frames.frame(0xbe, 0xff, 0, b"x" * 8)))
flood("long frames of an unknown type", "control_flood", lambda _: forever(frames.frame(0xbe, 0, 0, b"x" * 16384)))

# Streams that end early --------------------------------------------------------------------------------------------

flood("requests that are reset at once", "reset_flood",
      each_stream(lambda a, s: a.head(stream=s) + frames.rst_stream(s)))
flood("requests with bodies that are reset at once", "reset_flood",
      each_stream(lambda a, s: a.head(stream=s, end=False) + frames.data(s, b"x" * 10) + frames.rst_stream(s)))
# Where one such frame is the end of its connection, there is no flood of them.
flood("requests that a WINDOW_UPDATE of 0 resets", "reset_flood protocol_error",
      each_stream(lambda a, s: a.head(stream=s, end=False) + frames.window_update(s, 0)), (*CALM, PROTOCOL_ERROR))
# Streams that are refused meanwhile cost frames that ask for nothing: either allowance may be used up first.
flood("requests that a window above its maximum resets", "reset_flood control_flood", each_stream(
    lambda a, s: a.head(stream=s, end=False) + frames.window_update(s, frames.LARGEST_WINDOW)))
flood("malformed heads", "reset_flood", each_stream(lambda a, s: a.head(("X-UPPER", "x"), stream=s)))
flood("heads with a field for one connection", "reset_flood",
      each_stream(lambda a, s: a.head(("connection", "close"), stream=s)))
flood("bodies that are not their content-length", "reset_flood", each_stream(
    lambda a, s: a.head(("content-length", "1"), stream=s, end=False) + frames.data(s, b"xx", end=True)))
flood("heads that depend on themselves", "reset_flood protocol_error", each_stream(
    lambda a, s: frames.headers(s, header_blocks.plain(a.fields()), end=True, depends_on=s)),
      (*CALM, PROTOCOL_ERROR))


@abuse("DATA behind the end of its stream ends the connection at once")
def _(scene):
    stage = scene()
    attacker = stage.attacker()
    stream = attacker.take_stream()
    attacker.send(attacker.head(stream=stream), frames.data(stream, b"x"))
    attacker.wait_end()
    assert attacker.goaway is not None and attacker.goaway.error == STREAM_CLOSED, attacker.history()
    stage.bystander.serves(20)
    stage.bystander.leave()


# Heads without end -------------------------------------------------------------------------------------------------


def endless(content):
    """A header block that goes on and on, in CONTINUATION frames of this content."""
    return lambda _: forever(frames.continuation(1, content, end_headers=False))


def opened(attacker):
    return frames.headers(1, header_blocks.plain(attacker.fields()), end=True, end_headers=False)


FIELD = header_blocks.literal("x-field", "v" * 100)
HEAD_CODES = (*CALM, PROTOCOL_ERROR)
flood("CONTINUATION", "head_flood", endless(FIELD), HEAD_CODES, before=opened)
flood("CONTINUATION with nothing in it", "head_flood", endless(b""), HEAD_CODES, before=opened)
flood("CONTINUATION of the largest size", "head_flood", endless(FIELD * 150), HEAD_CODES, before=opened)
# A string that announces megabytes, more than any field may have, and comes byte by byte.
flood("one field's value in small CONTINUATION frames", "protocol_error head_flood", endless(b"v" * 10), (*CALM, COMPRESSION_ERROR),
      before=lambda a: opened(a) + frames.continuation(
          1, b"\0" + header_blocks.string("x") + header_blocks.integer(2**24, 7), end_headers=False))


def bomb(name, first, index):
    """A head that is small on the wire and megabytes when decoded."""
    @abuse(f"a header block that becomes megabytes ({name}) is refused while it is decoded")
    def _(scene):
        stage = scene()

        def attack():
            attacker = stage.attacker()
            # The entry, and then references to it: 16,000 bytes for 64 MB.
            attacker.send(frames.headers(attacker.take_stream(), header_blocks.plain(attacker.fields()) + first
                                         + header_blocks.indexed(index) * 15_000, end=True))
            while True:
                read = attacker.next_frame()
                if read is None or read.type in (frames.GOAWAY, frames.RST_STREAM):
                    break
                if read.type == frames.HEADERS:
                    status = dict(header_blocks.Decoder().decode(read.content))[":status"]
                    assert status == "431", status
                    break
                stage.watch()
            attacker.wire.leave()

        attack()
        before = stage.peak = stage.sluice.own_bytes()
        for _ in range(10):
            attack()
        stage.watch()
        assert stage.attacks == 0, "the backend got a request"
        stage.unharmed(before)


bomb("a field", header_blocks.literal("x-bomb", "v" * 4000, header_blocks.INCREMENTAL), 62)
bomb("a cookie", header_blocks.literal("cookie", "a=" + "v" * 3900, header_blocks.INCREMENTAL), 62)
bomb("a Host", header_blocks.literal("host", "v" * 4000, header_blocks.INCREMENTAL), 62)
bomb("an authority", header_blocks.literal(":authority", "v" * 4000, header_blocks.INCREMENTAL), 62)
bomb("empty fields", header_blocks.literal("x", "", header_blocks.INCREMENTAL), 62)

# Streams that stay ---------------------------------------------------------------------------------------------------


@abuse("three hundred streams at once are served up to the limit, and the others refused")
def _(scene):
    stage = scene()

    def attack():
        attacker = stage.attacker((frames.INITIAL_WINDOW_SIZE, 0))
        attacker.send(*(attacker.head() for _ in range(300)))
        refused = answered = 0
        while refused + answered < 300 and not attacker.goaway:
            read = attacker.next_frame()
            assert read is not None, attacker.history()
            if read.type == frames.RST_STREAM:
                assert read.error == frames.REFUSED_STREAM, read
                refused += 1
            answered += read.type == frames.HEADERS
            stage.watch()
        assert answered >= 100, (answered, refused)
        attacker.wire.leave()

    stage.bystander.serves(200)
    before = stage.peak = stage.sluice.own_bytes()
    attack()
    stage.unharmed(before)


def shut_windows(size):
    """A hundred answers of that many bytes to a client that opens no window."""
    @abuse(f"a hundred answers of {size} bytes that a window of zero holds back cost little, and are given up after "
           "write_timeout")
    def _(scene):
        stage = scene(http={"write_timeout": "500ms"}, answer_bytes=size)
        stage.bystander.serves(200)  # the log's buffer, which the gateway has anyway, is full of lines once
        before = stage.peak = stage.sluice.own_bytes()
        attacker = stage.attacker((frames.INITIAL_WINDOW_SIZE, 0))
        attacker.send(*(attacker.head() for _ in range(100)))
        stage.sluice.wait_until(lambda: stage.attacks == 100, "the backend has answered")
        stage.watch()
        ended = 0
        while ended < 100 and not attacker.over:
            read = attacker.next_frame()
            stage.watch()
            if read is None or read.type == frames.GOAWAY:
                break
            ended += read.type == frames.RST_STREAM
        attacker.wire.leave()
        stage.unharmed(before, allowed=100 * 12.8 * 1024)


for size in (6, 3_000, 20_000, 1_000_000):
    shut_windows(size)

# Slow clients --------------------------------------------------------------------------------------------------------


def slow(name, sent, *, greeted=True, answered=b""):
    @abuse(f"a client that stops {name} is let go after head_timeout")
    def _(scene):
        stage = scene(http={"head_timeout": "300ms", "idle_timeout": "10m"})
        if greeted:
            attacker = stage.attacker()
            attacker.send(sent(attacker))
            attacker.wait_end()
        else:
            connection = process.connect(stage.sluice.address)
            connection.send(sent(None))
            assert connection.read_to_end().startswith(answered)
            connection.leave()
        stage.bystander.serves(20)
        stage.bystander.leave()


if downstream.H2C in downstream.SPOKEN:
    slow("inside the preface", lambda _: frames.PREFACE[:12], greeted=False, answered=b"HTTP/1.1 408 ")
    slow("behind the preface's first line", lambda _: frames.PREFACE[:20], greeted=False, answered=b"HTTP/1.1 408 ")
    slow("behind the preface", lambda _: frames.PREFACE, greeted=False)
slow("inside a frame of its head", lambda a: a.head()[:15])
slow("behind a head that is not complete", opened)


@abuse("a head that comes byte by byte is given up after head_timeout, counted from its first byte")
def _(scene):
    stage = scene(http={"head_timeout": "300ms"})
    attacker = stage.attacker()
    attacker.send(opened(attacker), frames.frame(frames.CONTINUATION, 0, 1, length=16_000))

    def ended():
        try:
            attacker.send(FIELD[:1])
        except OSError:
            return True
        return attacker.wire.has_news()
    process.wait_until(ended, "the gateway has had enough")
    stage.bystander.serves(20)
    stage.bystander.leave()


@abuse("a client that opens no stream is let go after idle_timeout, with GOAWAY")
def _(scene):
    stage = scene(http={"idle_timeout": "300ms"})
    stage.bystander.leave()  # a pause between two of its requests is idle time too
    attacker = stage.attacker()
    attacker.wait_end()
    assert attacker.goaway is not None and attacker.goaway.error == frames.NO_ERROR, attacker.history()
    stage.serves_another()


# Chance ----------------------------------------------------------------------------------------------------------------


def conversation(attacker, chance):
    """Frames that belong together more or less, in an order that does not, some of them damaged."""
    stream = lambda: chance.choice((0, 1, 1, 1, 2, 3, 3, 5, 7, 2**31 - 1))
    makes = [
        lambda: frames.headers(stream(), header_blocks.plain(attacker.fields()), end=chance.random() < 0.5,
                               end_headers=chance.random() < 0.8),
        lambda: frames.headers(stream(), chance.randbytes(chance.randrange(60)), end=chance.random() < 0.5),
        lambda: frames.continuation(stream(), chance.randbytes(chance.randrange(60))),
        lambda: frames.data(stream(), chance.randbytes(chance.randrange(2000)), end=chance.random() < 0.5,
                            pad=chance.choice((None, 0, 255))),
        lambda: frames.rst_stream(stream(), chance.randrange(20)),
        lambda: frames.priority(stream(), depends_on=stream()),
        lambda: frames.settings((chance.randrange(9), chance.choice((0, 1, 100, 65535, 2**31 - 1, 2**32 - 1)))),
        lambda: frames.ping(chance.randbytes(8), ack=chance.random() < 0.3),
        lambda: frames.goaway(stream(), chance.randrange(20)),
        lambda: frames.window_update(stream(), chance.choice((0, 1, 65535, 2**31 - 1))),
        lambda: frames.frame(chance.randrange(256), chance.randrange(256), stream(), chance.randbytes(chance.randrange(40))),
    ]
    sent = bytearray(b"".join(chance.choice(makes)() for _ in range(chance.randrange(1, 12))))
    for _ in range(chance.choice((0, 0, 1, 3))):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    return bytes(sent)


@abuse("a thousand connections whose frames make no sense harm nobody")
def _(scene):
    stage = scene()
    for seed in range(1000):
        attacker = stage.attacker()
        attacker.wire.send(conversation(attacker, random.Random(seed)))
        attacker.wire.half_close()
        attacker.wire.read_to_end()
        attacker.wire.leave()
    stage.bystander.serves(20)
    stage.bystander.leave()
    stage.sluice.wait_idle()
    connections = lambda: stage.sluice.metrics().sum("sluice_downstream_connections")
    stage.sluice.wait_until(lambda: connections() == 1, "only the bystander's connection is left")


main()
