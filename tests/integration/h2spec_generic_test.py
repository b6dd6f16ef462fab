#!/usr/bin/python3
"""h2spec's generic cases 1 to 4: what every HTTP/2 server must take from a client that does nothing wrong."""

from harness import frames
from harness.h2spec import case
from harness.suite import main


@case("generic/1/1", "the client's preface is answered with SETTINGS")
def _(peer):
    peer.preface()
    read = peer.read_frame()
    assert read and read.type == frames.SETTINGS and not read.has(frames.ACK), peer.history()


@case("generic/2/1", "PRIORITY on an idle stream is taken")
def _(peer):
    peer.handshake()
    peer.send(frames.priority(1))
    peer.still_served()


@case("generic/2/2", "WINDOW_UPDATE on a half-closed stream is taken")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    peer.request()
    peer.send(frames.window_update(1, 1))
    peer.next_of(frames.DATA)


@case("generic/2/3", "PRIORITY on a half-closed stream is taken")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    peer.request()
    peer.send(frames.priority(1), frames.window_update(1, 1))
    peer.next_of(frames.DATA)


@case("generic/2/4", "RST_STREAM on a half-closed stream is taken")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.rst_stream(1))
    peer.expect_pong_or_end()


@case("generic/2/5", "PRIORITY on a closed stream is taken")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_stream_end()
    peer.send(frames.priority(1))
    peer.still_served()


@case("generic/3.1/1", "a DATA frame is taken")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_answer()


@case("generic/3.1/2", "several DATA frames are taken")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test"), frames.data(1, b"test", end=True))
    peer.expect_answer()


@case("generic/3.1/3", "a DATA frame with padding is taken")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test", end=True, pad=5))
    peer.expect_answer()


@case("generic/3.2/1", "a HEADERS frame is taken")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_answer()


@case("generic/3.2/2", "a HEADERS frame with padding is taken")
def _(peer):
    peer.handshake()
    peer.request(pad=8)
    peer.expect_answer()


@case("generic/3.2/3", "a HEADERS frame with priority is taken")
def _(peer):
    peer.handshake()
    peer.request(depends_on=0)
    peer.expect_answer()


PRIORITIES = [
    ("generic/3.3/1", "a PRIORITY frame with weight 1 is taken", 1, {"weight": 0}),
    ("generic/3.3/2", "a PRIORITY frame with weight 256 is taken", 1, {"weight": 255}),
    ("generic/3.3/3", "a PRIORITY frame that names another stream is taken", 3, {"depends_on": 1, "weight": 0}),
    ("generic/3.3/4", "an exclusive PRIORITY frame is taken", 1, {"exclusive": True, "weight": 0}),
    ("generic/3.3/5", "PRIORITY for an idle stream does not close the streams below it", 3, {}),
]
for number, sentence, stream, priority in PRIORITIES:

    @case(number, sentence)
    def _(peer, stream=stream, priority=priority):
        peer.handshake()
        peer.send(frames.priority(stream, **priority))
        peer.request()
        peer.expect_answer()


@case("generic/3.4/1", "RST_STREAM is taken")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.rst_stream(1))
    peer.expect_pong_or_end()


@case("generic/3.5/1", "SETTINGS with every parameter is acknowledged")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.HEADER_TABLE_SIZE, 4096), (frames.ENABLE_PUSH, 1),
                              (frames.MAX_CONCURRENT_STREAMS, 100), (frames.INITIAL_WINDOW_SIZE, 65535),
                              (frames.MAX_FRAME_SIZE, 16384), (frames.MAX_HEADER_LIST_SIZE, 100)))
    peer.expect_settings_ack()


@case("generic/3.7/1", "PING is answered")
def _(peer):
    peer.handshake()
    peer.still_served(b"h2spec\0\0")


@case("generic/3.8/1", "GOAWAY is taken")
def _(peer):
    peer.handshake()
    peer.send(frames.goaway(0, frames.NO_ERROR, b"h2spec"))
    peer.expect_pong_or_end(b"h2spec\0\0")


@case("generic/3.9/1", "WINDOW_UPDATE on the connection is taken")
def _(peer):
    peer.handshake()
    peer.send(frames.window_update(0, 1))
    peer.still_served()


@case("generic/3.9/2", "WINDOW_UPDATE on a stream is taken")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.window_update(1, 1))
    peer.expect_answer()


@case("generic/3.10/1", "a CONTINUATION frame is taken")
def _(peer):
    peer.handshake()
    block = peer.block(peer.fields())
    peer.send(frames.headers(1, block[:5], end=True, end_headers=False), frames.continuation(1, block[5:]))
    peer.expect_answer()


@case("generic/3.10/2", "several CONTINUATION frames are taken")
def _(peer):
    peer.handshake()
    block = peer.block(peer.fields())
    peer.send(frames.headers(1, block[:5], end=True, end_headers=False),
              frames.continuation(1, block[5:10], end_headers=False), frames.continuation(1, block[10:]))
    peer.expect_answer()


@case("generic/4/1", "GET is answered")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_answer()


@case("generic/4/2", "HEAD is answered")
def _(peer):
    peer.handshake()
    peer.request(method="HEAD")
    peer.expect_answer()


@case("generic/4/3", "POST is answered")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_answer()


@case("generic/4/4", "POST with trailers is answered")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False, extra=[("trailer", "x-test")])
    peer.send(frames.data(1, b"test"), frames.headers(1, peer.block([("x-test", "ok")]), end=True))
    peer.expect_answer()


main()
