#!/usr/bin/python3
"""h2spec's cases http2/6: each type of frame where it must not be, or of a size or a value that it must not have."""

from harness import frames
from harness.frames import FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, LARGEST_WINDOW, PROTOCOL_ERROR, STREAM_CLOSED
from harness.h2spec import DUMMY, case
from harness.suite import main


def refused(number, sentence, sent, *codes):
    """Bytes right behind the handshake that are a connection error."""
    @case(number, sentence + " is a connection error " + " or ".join(map(frames.error_name, codes)))
    def _(peer):
        peer.handshake()
        peer.send(sent)
        peer.expect_connection_error(*codes)


# DATA, HEADERS ---------------------------------------------------------------------------------------------------

refused("http2/6.1/1", "DATA on stream 0", frames.data(0, b"test", end=True), PROTOCOL_ERROR)


@case("http2/6.1/2", "DATA on a half-closed stream is STREAM_CLOSED")
def _(peer):
    peer.handshake()
    peer.request(method="POST")
    peer.send(frames.data(1, b"test", end=True))
    peer.expect_stream_error(STREAM_CLOSED)


@case("http2/6.1/3", "DATA with more padding than payload is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False, extra=[("content-length", "4")])
    peer.send(frames.frame(frames.DATA, frames.PADDED | frames.END_STREAM, 1, b"\x06Test"))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/6.2/1", "PRIORITY behind HEADERS without END_HEADERS is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False, end_headers=False)
    peer.send(frames.priority(1), frames.continuation(1, peer.block([DUMMY])))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/6.2/2", "HEADERS of another stream behind HEADERS without END_HEADERS is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False, end_headers=False)
    peer.request(stream=3)
    peer.send(frames.continuation(1, peer.block([DUMMY])))
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/6.2/3", "HEADERS on stream 0 is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(stream=0)
    peer.expect_connection_error(PROTOCOL_ERROR)


@case("http2/6.2/4", "HEADERS with more padding than payload is PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    block = peer.block(peer.fields())
    flags = frames.END_STREAM | frames.END_HEADERS | frames.PADDED
    peer.send(frames.frame(frames.HEADERS, flags, 1, bytes([len(block) + 2]) + block))
    peer.expect_stream_error(PROTOCOL_ERROR)


# PRIORITY, RST_STREAM ----------------------------------------------------------------------------------------------

refused("http2/6.3/1", "PRIORITY on stream 0", frames.priority(0), PROTOCOL_ERROR)


@case("http2/6.3/2", "PRIORITY of four bytes is FRAME_SIZE_ERROR")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.frame(frames.PRIORITY, 0, 1, b"\x80\0\0\x01"))
    peer.expect_stream_error(FRAME_SIZE_ERROR)


refused("http2/6.4/1", "RST_STREAM on stream 0", frames.rst_stream(0), PROTOCOL_ERROR)
refused("http2/6.4/2", "RST_STREAM on an idle stream", frames.rst_stream(1), PROTOCOL_ERROR)


@case("http2/6.4/3", "RST_STREAM of three bytes is FRAME_SIZE_ERROR")
def _(peer):
    peer.handshake()
    peer.request()
    peer.send(frames.frame(frames.RST_STREAM, 0, 1, b"\0\0\0"))
    peer.expect_stream_error(FRAME_SIZE_ERROR)


# SETTINGS --------------------------------------------------------------------------------------------------------

refused("http2/6.5/1", "an acknowledgement of SETTINGS with a payload", frames.frame(frames.SETTINGS, frames.ACK, 0, b"\0"),
        FRAME_SIZE_ERROR)
refused("http2/6.5/2", "SETTINGS on a stream", frames.frame(frames.SETTINGS, 0, 1, b"\0\x03\0\0\0\x64"), PROTOCOL_ERROR)
refused("http2/6.5/3", "SETTINGS of three bytes", frames.frame(frames.SETTINGS, 0, 0, b"\0\x03\0"), PROTOCOL_ERROR,
        FRAME_SIZE_ERROR)
refused("http2/6.5.2/1", "SETTINGS_ENABLE_PUSH of 2", frames.settings((frames.ENABLE_PUSH, 2)), PROTOCOL_ERROR)
refused("http2/6.5.2/2", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1",
        frames.settings((frames.INITIAL_WINDOW_SIZE, LARGEST_WINDOW + 1)), FLOW_CONTROL_ERROR)
refused("http2/6.5.2/3", "SETTINGS_MAX_FRAME_SIZE below 2^14", frames.settings((frames.MAX_FRAME_SIZE, 2**14 - 1)),
        PROTOCOL_ERROR)
refused("http2/6.5.2/4", "SETTINGS_MAX_FRAME_SIZE above 2^24-1", frames.settings((frames.MAX_FRAME_SIZE, 2**24)),
        PROTOCOL_ERROR)


@case("http2/6.5.2/5", "an unknown setting is ignored")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((0xff, 1)))
    peer.still_served()


@case("http2/6.5.3/1", "the last of two values of one setting counts")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 100), (frames.INITIAL_WINDOW_SIZE, 1)))
    peer.expect_settings_ack()
    peer.request()
    peer.expect_data(1)


@case("http2/6.5.3/2", "SETTINGS without ACK is acknowledged")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.ENABLE_PUSH, 0)))
    peer.expect_settings_ack()


# PING, GOAWAY ----------------------------------------------------------------------------------------------------


@case("http2/6.7/1", "PING is answered with its payload")
def _(peer):
    peer.handshake()
    peer.still_served(b"h2spec\0\0")


@case("http2/6.7/2", "an answer to a PING is not answered")
def _(peer):
    peer.handshake()
    peer.send(frames.ping(b"invalid\0", ack=True))
    peer.still_served(b"h2spec\0\0")


refused("http2/6.7/3", "PING on a stream", frames.frame(frames.PING, 0, 1, b"\0" * 8), PROTOCOL_ERROR)
refused("http2/6.7/4", "PING of six bytes", frames.frame(frames.PING, 0, 0, b"\0" * 6), FRAME_SIZE_ERROR)
refused("http2/6.8/1", "GOAWAY on a stream", frames.frame(frames.GOAWAY, 0, 1, b"\0" * 8), PROTOCOL_ERROR)

# WINDOW_UPDATE ---------------------------------------------------------------------------------------------------

refused("http2/6.9/1", "WINDOW_UPDATE of 0 on the connection", frames.window_update(0, 0), PROTOCOL_ERROR)


@case("http2/6.9/2", "WINDOW_UPDATE of 0 on a stream is PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.window_update(1, 0))
    peer.expect_stream_error(PROTOCOL_ERROR)


refused("http2/6.9/3", "WINDOW_UPDATE of three bytes", frames.frame(frames.WINDOW_UPDATE, 0, 0, b"\0\0\x01"),
        FRAME_SIZE_ERROR)


@case("http2/6.9.1/1", "no more content is sent than the window allows")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 1)))
    peer.expect_settings_ack()
    peer.request()
    peer.expect_data(1)


refused("http2/6.9.1/2", "a connection's window above 2^31-1", frames.window_update(0, LARGEST_WINDOW) * 2,
        FLOW_CONTROL_ERROR)


@case("http2/6.9.1/3", "a stream's window above 2^31-1 resets the stream with FLOW_CONTROL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(end=False)
    peer.send(frames.window_update(1, LARGEST_WINDOW) * 2)
    read = peer.next_of(frames.RST_STREAM)
    assert (read.stream, read.error) == (1, FLOW_CONTROL_ERROR), peer.history()


@case("http2/6.9.2/1", "a new SETTINGS_INITIAL_WINDOW_SIZE changes the windows of open streams")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    peer.expect_settings_ack()
    peer.request()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 1)))
    peer.expect_data(1)


@case("http2/6.9.2/2", "a window may become negative, and counts from there")
def _(peer):
    peer.handshake()
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 3)))
    peer.expect_settings_ack()
    peer.request()
    peer.expect_data(3)
    peer.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 2)))
    peer.expect_settings_ack()
    peer.send(frames.window_update(1, 2))
    peer.expect_data(1)


refused("http2/6.9.2/3", "SETTINGS_INITIAL_WINDOW_SIZE of 2^31",
        frames.frame(frames.SETTINGS, 0, 0, b"\0\x04\x80\0\0\0"), FLOW_CONTROL_ERROR)

# CONTINUATION ----------------------------------------------------------------------------------------------------


@case("http2/6.10/1", "more than one CONTINUATION behind HEADERS is taken")
def _(peer):
    peer.handshake()
    peer.request(end_headers=False)
    peer.send(frames.continuation(1, peer.block([DUMMY]), end_headers=False),
              frames.continuation(1, peer.block([DUMMY])))
    peer.expect_answer()


def broken_block(number, sentence, rest, **options):
    """HEADERS, without END_HEADERS unless `options` say so, and what must not follow."""
    @case(number, sentence + " is a connection error PROTOCOL_ERROR")
    def _(peer):
        peer.handshake()
        peer.request(**{"end_headers": False} | options)
        for piece in rest:
            peer.send(piece(peer) if callable(piece) else piece)
        peer.expect_connection_error(PROTOCOL_ERROR)


def dummy(stream=1, *, end_headers=True):
    return lambda peer: frames.continuation(stream, peer.block([DUMMY]), end_headers=end_headers)


broken_block("http2/6.10/2", "DATA behind CONTINUATION without END_HEADERS",
             [dummy(end_headers=False), frames.data(1, b"test", end=True)], method="POST", end=False)
broken_block("http2/6.10/3", "CONTINUATION on stream 0", [dummy(0)])
broken_block("http2/6.10/4", "CONTINUATION behind HEADERS with END_HEADERS", [dummy()], end_headers=True)
broken_block("http2/6.10/5", "CONTINUATION behind CONTINUATION with END_HEADERS", [dummy(), dummy()])
broken_block("http2/6.10/6", "CONTINUATION behind DATA",
             [frames.data(1, b"test", end=True), dummy(end_headers=False), dummy(0)], method="POST", end=False)

main()
