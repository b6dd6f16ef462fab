"""Header blocks piece by piece (RFC 7541): every representation on demand, the wrong ones too. Ordinary blocks are
written and read by Debian's python3-hpack, which shares no line of code with the gateway's library."""

from hpack import Decoder, Encoder  # noqa: F401 (for those who speak HTTP/2 and want no trouble)
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

_huffman = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

# How a literal field asks to be kept (RFC 7541 6.2): first byte and bits of its index.
INCREMENTAL = (0x40, 6)
WITHOUT_INDEXING = (0x00, 4)
NEVER_INDEXED = (0x10, 4)


def integer(value, bits, first=0):
    """RFC 7541 5.1, with the bits above the prefix from `first`."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(0x80 | value & 0x7f)
        value >>= 7
    out.append(value)
    return bytes(out)


def raw_string(data, *, huffman=False):
    """RFC 7541 5.2 of bytes that are coded already, or claim to be."""
    return integer(len(data), 7, 0x80 if huffman else 0) + data


def string(text, *, huffman=False):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return raw_string(_huffman.encode(data) if huffman and data else data, huffman=huffman)


def indexed(index):
    return integer(index, 7, 0x80)


def literal(name, value, kind=WITHOUT_INDEXING, *, huffman=False):
    """A literal field; `name` is its text or an index of the tables."""
    first, bits = kind
    if isinstance(name, int):
        return integer(name, bits, first) + string(value, huffman=huffman)
    return bytes([first]) + string(name, huffman=huffman) + string(value, huffman=huffman)


def size_update(size):
    return integer(size, 5, 0x20)


def plain(fields):
    """A block that touches no dynamic table, so that it may be sent any number of times on any stream."""
    return b"".join(literal(name, value) for name, value in fields)
