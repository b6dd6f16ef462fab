#!/usr/bin/python3
"""h2spec's cases http2/3, 4, 5 and 7: the connection's start, frames as such, the life of streams, unknown errors."""

from harness import frames, header_blocks
from harness.frames import (COMPRESSION_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED)
from harness.h2spec import DUMMY, case
from harness.suite import main

UNKNOWN_TYPE = frames.frame(0x16, payload=b"\0" * 8)


@case("http2/3.5/1", "SETTINGS is the first frame that the server sends")
def _(peer):
    peer.preface()
    read = peer.read_frame()
    assert read and read.type == frames.SETTINGS and not read.has(frames.ACK), peer.history()


@case("http2/3.5/2", "a preface that is none ends the connection")
def _(peer):
    peer.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
    peer.expect_refused_preface()


@case("http2/4.1/1", "a frame of unknown type is ignored")
def _(peer):
    peer.handshake()
    peer.send(UNKNOWN_TYPE)
    peer.still_served()


@case("http2/4.1/2", "flags without a meaning are ignored")
def _(peer):
    peer.handshake()
    peer.send(frames.frame(frames.PING, 0x16, 0, b"\0" * 8))
    peer.next_of(frames.PING)


@case("http2/4.1/3", "the reserved bit is ignored")
def _(peer):
    peer.handshake()
    peer.send(frames.frame(frames.PING, 0x16, 1 << 31, b"\0" * 8))
    peer.next_of(frames.PING)


@case("http2/4.2/1", "a DATA frame of 2^14 bytes is taken")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"x" * frames.DEFAULT_FRAME_SIZE, end=True))
    peer.expect_answer()


@case("http2/4.2/2", "a DATA frame above SETTINGS_MAX_FRAME_SIZE is FRAME_SIZE_ERROR")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"x" * (peer.max_frame_size + 1), end=True))
    peer.expect_stream_error(FRAME_SIZE_ERROR)


@case("http2/4.2/3", "a HEADERS frame above SETTINGS_MAX_FRAME_SIZE is a connection error FRAME_SIZE_ERROR")
def _(peer):
    peer.handshake()
    filler = header_blocks.literal("x-dummy", "x" * 4000) * (peer.max_frame_size // 4000 + 1)
    peer.request(behind=filler)
    peer.expect_connection_error(FRAME_SIZE_ERROR)


@case("http2/4.3/1", "a block that cannot be decoded is a connection error COMPRESSION_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.headers(1, b"\x40", end=True))
    peer.expect_connection_error(COMPRESSION_ERROR)


@case("http2/4.3/2", "PRIORITY inside a header block is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False, end_headers=False)
    peer.send(frames.priority(1), frames.continuation(1, peer.block([DUMMY])))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/4.3/3", "HEADERS of another stream inside a header block is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False, end_headers=False)
    peer.request(stream=3)
    peer.send(frames.continuation(1, peer.block([DUMMY])))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1/1", "idle: DATA is PROTOCOL_ERROR or STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_stream_error(PROTOCOL_ERROR, STREAM_CLOSED)


@case("http2/5.1/2", "idle: RST_STREAM is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.rst_stream(1))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1/3", "idle: WINDOW_UPDATE is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.window_update(1, 100))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1/4", "idle: CONTINUATION is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.continuation(1, peer.block(peer.fields())))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1/5", "half closed: DATA is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/5.1/6", "half closed: HEADERS is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request()
    peer.request()
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/5.1/7", "half closed: CONTINUATION is STREAM_CLOSED or PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.continuation(1, peer.block(peer.fields())))
    peer.expect_stream_error(STREAM_CLOSED, PROTOCOL_ERROR)


@case("http2/5.1/8", "closed by RST_STREAM: DATA is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.rst_stream(1), frames.data(1, b"test", end=True))
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/5.1/9", "closed by RST_STREAM: HEADERS is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.rst_stream(1))
    peer.request()
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/5.1/10", "closed by RST_STREAM: CONTINUATION is STREAM_CLOSED or PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.rst_stream(1), frames.continuation(1, peer.block([DUMMY])))
    peer.expect_stream_error(STREAM_CLOSED, PROTOCOL_ERROR)


@case("http2/5.1/11", "closed by END_STREAM: DATA is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_stream_end()
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/5.1/12", "closed by END_STREAM: HEADERS is a connection error STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_stream_end()
    peer.request()
    peer.expect_connection_error(STREAM_CLOSED)


@case("http2/5.1/13", "closed by END_STREAM: CONTINUATION is a connection error STREAM_CLOSED or PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request()
    peer.expect_stream_end()
    peer.send(frames.continuation(1, peer.block([DUMMY])))
    peer.expect_connection_error(STREAM_CLOSED, PROTOCOL_ERROR)


@case("http2/5.1.1/1", "a stream with an even number is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(stream=2)
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1.1/2", "a stream with a smaller number than one before is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(stream=5)
    peer.request(stream=3)
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/5.1.2/1", "a stream beyond SETTINGS_MAX_CONCURRENT_STREAMS is refused")
def _(peer):
    peer.handshake()
    assert frames.MAX_CONCURRENT_STREAMS in peer.settings, "the server sets no limit"
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    for i in range(peer.settings[frames.MAX_CONCURRENT_STREAMS] + 1):
        peer.request(stream=2 * i + 1)
    peer.expect_stream_error(PROTOCOL_ERROR, REFUSED_STREAM)


@case("http2/5.3.1/1", "HEADERS that depend on their own stream are PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(depends_on=1)
    peer.expect_stream_error(PROTOCOL_ERROR)


@case("http2/5.3.1/2", "PRIORITY that depends on its own stream is PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.priority(1, depends_on=1))
    peer.expect_stream_error(PROTOCOL_ERROR)


INVALID_PING = frames.frame(frames.PING, 0, 3, b"\0" * 8)


@case("http2/5.4.1/1", "the connection ends after a connection error")
def _(peer):
    peer.handshake()
    peer.send(INVALID_PING)
    peer.expect_end()


@case("http2/5.4.1/2", "GOAWAY comes before the end of a connection error")
def _(peer):
    peer.handshake()
    peer.send(INVALID_PING)
    peer.next_of(frames.GOAWAY)


@case("http2/5.5/1", "an unknown extension frame is ignored")
def _(peer):
    peer.handshake()
    peer.send(UNKNOWN_TYPE)
    peer.still_served()


@case("http2/5.5/2", "an unknown extension frame inside a header block is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end_headers=False)
    peer.send(UNKNOWN_TYPE)
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/7/1", "GOAWAY with an unknown error code has no special effect")
def _(peer):
    peer.handshake()
    peer.send(frames.goaway(0, 0xff))
    peer.expect_pong_or_end(b"h2spec\0\0")


@case("http2/7/2", "RST_STREAM with an unknown error code has no special effect")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.rst_stream(1, 0xff))
    peer.expect_pong_or_end()


main()
