"""HTTP/2 frames as bytes (RFC 9113 4 and 6), the wrong ones too: nothing here checks what it is asked to write."""

import dataclasses
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
TYPES = ("DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE",
         "CONTINUATION")

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7))

(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY,
 HTTP_1_1_REQUIRED) = range(14)
ERRORS = ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
          "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
          "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED")

DEFAULT_WINDOW = 65535
LARGEST_WINDOW = 2**31 - 1
DEFAULT_FRAME_SIZE = 16384


def error_name(code):
    return ERRORS[code] if code < len(ERRORS) else f"error {code:#x}"


@dataclasses.dataclass
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes

    def has(self, flag):
        return bool(self.flags & flag)

    @property
    def error(self):
        """The code of RST_STREAM or GOAWAY."""
        return struct.unpack_from(">I", self.payload, 4 if self.type == GOAWAY else 0)[0]

    @property
    def last_stream(self):
        """The last stream that a GOAWAY says was or may be processed."""
        return struct.unpack_from(">I", self.payload)[0] & LARGEST_WINDOW

    @property
    def increment(self):
        return struct.unpack_from(">I", self.payload)[0] & LARGEST_WINDOW

    @property
    def settings(self):
        return [struct.unpack_from(">HI", self.payload, i) for i in range(0, len(self.payload), 6)]

    @property
    def content(self):
        """The payload of DATA or HEADERS without padding and priority."""
        content = self.payload
        if self.has(PADDED):
            content = content[1:len(content) - content[0]]
        if self.type == HEADERS and self.has(WITH_PRIORITY):
            content = content[5:]
        return content

    def __str__(self):
        name = TYPES[self.type] if self.type < len(TYPES) else f"type {self.type:#x}"
        said = f"{name} stream={self.stream} flags={self.flags:#x} length={len(self.payload)}"
        if self.type in (RST_STREAM, GOAWAY):
            said += f" {error_name(self.error)}"
        if self.type == GOAWAY:
            said += f" last={self.last_stream} {self.payload[8:]!r}"
        if self.type == WINDOW_UPDATE:
            said += f" +{self.increment}"
        if self.type == SETTINGS:
            said += f" {self.settings}"
        return said


def parse_header(header):
    """(length, type, flags, stream) of a frame's nine bytes."""
    high, low, kind, flags, stream = struct.unpack(">BHBBI", header)
    return high << 16 | low, kind, flags, stream & LARGEST_WINDOW


def frame(kind, flags=0, stream=0, payload=b"", *, length=None):
    """Any frame. `length`: what the header claims where it is not the payload's."""
    size = len(payload) if length is None else length
    return struct.pack(">BHBBI", size >> 16, size & 0xffff, kind, flags, stream) + payload


def _padded(payload, pad):
    return payload if pad is None else bytes([pad]) + payload + b"\0" * pad


def data(stream, content=b"", *, end=False, pad=None):
    flags = (END_STREAM if end else 0) | (0 if pad is None else PADDED)
    return frame(DATA, flags, stream, _padded(content, pad))


def _priority(depends_on, weight, exclusive):
    return struct.pack(">IB", depends_on | (exclusive << 31), weight)


def headers(stream, block, *, end=False, end_headers=True, pad=None, depends_on=None, weight=255, exclusive=False):
    """`depends_on`: with the deprecated priority fields. `weight` is one less than the weight it means."""
    flags = (END_STREAM if end else 0) | (END_HEADERS if end_headers else 0) | (0 if pad is None else PADDED)
    if depends_on is not None:
        flags |= WITH_PRIORITY
        block = _priority(depends_on, weight, exclusive) + block
    return frame(HEADERS, flags, stream, _padded(block, pad))


def continuation(stream, block, *, end_headers=True):
    return frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


def priority(stream, *, depends_on=0, weight=255, exclusive=False):
    return frame(PRIORITY, 0, stream, _priority(depends_on, weight, exclusive))


def rst_stream(stream, error=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", error))


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in pairs))


def settings_ack():
    return frame(SETTINGS, ACK)


def push_promise(stream, promised, block):
    return frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", promised) + block)


def ping(opaque=b"\0" * 8, *, ack=False):
    return frame(PING, ACK if ack else 0, 0, opaque)


def goaway(last_stream=0, error=NO_ERROR, debug=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last_stream, error) + debug)


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))
