#!/usr/bin/python3
"""h2spec's cases http2/8: requests that are no requests. Each is reset with PROTOCOL_ERROR."""

from harness import frames
from harness.frames import PROTOCOL_ERROR
from harness.h2spec import case
from harness.suite import main


def malformed(number, sentence, fields):
    """`fields(peer)`: those of a request without a body."""
    @case(number, sentence + " is PROTOCOL_ERROR")
    def _(peer):
        peer.handshake()
        peer.send(frames.headers(1, peer.block(fields(peer)), end=True))
        peer.expect_stream_error(PROTOCOL_ERROR)


def added(*fields):
    return lambda peer: [*peer.fields(), *fields]


@case("http2/8.1/1", "a second head without END_STREAM is PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test"), frames.headers(1, peer.block([("x-test", "ok")])))
    peer.expect_stream_error(PROTOCOL_ERROR)


malformed("http2/8.1.2/1", "a field's name in upper case", added(("X-TEST", "ok")))

malformed("http2/8.1.2.1/1", "an unknown pseudo-header field", added((":test", "ok")))
malformed("http2/8.1.2.1/2", "a pseudo-header field of answers", added((":status", "200")))


@case("http2/8.1.2.1/3", "a pseudo-header field among the trailers is PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.request(method="POST", end=False)
    peer.send(frames.data(1, b"test"), frames.headers(1, peer.block([(":method", "POST")])))
    peer.expect_stream_error(PROTOCOL_ERROR)


malformed("http2/8.1.2.1/4", "a pseudo-header field behind a regular one",
          lambda peer: [("x-test", "ok"), *peer.fields()])

malformed("http2/8.1.2.2/1", "a field that is meant for one connection", added(("connection", "keep-alive")))
malformed("http2/8.1.2.2/2", "TE with anything but trailers", added(("trailers", "test"), ("te", "trailers, deflate")))

malformed("http2/8.1.2.3/1", "an empty :path", lambda peer: peer.fields(path=""))
for i, name in enumerate(("method", "scheme", "path")):
    malformed(f"http2/8.1.2.3/{2 + i}", f"a request without :{name}", lambda peer, name=name: peer.fields(**{name: None}))
    malformed(f"http2/8.1.2.3/{5 + i}", f"a request with two :{name}",
              lambda peer, name=name: [*peer.fields(), *(f for f in peer.fields() if f[0] == f":{name}")])


def wrong_length(number, sentence, contents):
    @case(number, sentence + " is PROTOCOL_ERROR")
    def _(peer):
        peer.handshake()
        peer.request(method="POST", end=False, extra=[("content-length", "1")])
        for content in contents[:-1]:
            peer.send(frames.data(1, content))
        peer.send(frames.data(1, contents[-1], end=True))
        peer.expect_stream_error(PROTOCOL_ERROR)


wrong_length("http2/8.1.2.6/1", "a content-length that is not that of the DATA frame", [b"test"])
wrong_length("http2/8.1.2.6/2", "a content-length that is not the sum of the DATA frames", [b"test", b"test"])


@case("http2/8.2/1", "PUSH_PROMISE of a client is a connection error PROTOCOL_ERROR")
def _(peer):
    peer.handshake()
    peer.send(frames.push_promise(1, 3, peer.block(peer.fields())))
    peer.expect_connection_error(PROTOCOL_ERROR)


main()
