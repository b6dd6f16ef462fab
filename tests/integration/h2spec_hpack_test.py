#!/usr/bin/python3
"""h2spec's cases about header compression: generic 5, which must be taken, and hpack, which must be refused."""

from harness import frames, header_blocks
from harness.h2spec import case
from harness.header_blocks import INCREMENTAL, NEVER_INDEXED, WITHOUT_INDEXING, literal
from harness.suite import main


def taken(number, what, *, behind=b"", before=b""):
    @case(number, f"{what} is taken")
    def _(peer):
        peer.handshake()
        peer.request(behind=behind, before=before)
        peer.expect_answer()


def refused(number, what, *, behind=b"", before=b""):
    @case(number, f"{what} is a decoding error")
    def _(peer):
        peer.handshake()
        peer.request(behind=behind, before=before)
        peer.expect_connection_error(frames.COMPRESSION_ERROR)


USER_AGENT = 58  # in the static table

taken("generic/5/1", "an indexed field", behind=header_blocks.indexed(USER_AGENT))
FORMS = [("with incremental indexing", INCREMENTAL), ("without indexing", WITHOUT_INDEXING),
         ("that is never indexed", NEVER_INDEXED)]
for form, (how, kind) in enumerate(FORMS):
    first = 2 + 4 * form
    taken(f"generic/5/{first}", f"a literal field {how} and with an indexed name",
          behind=literal(USER_AGENT, "h2spec", kind))
    taken(f"generic/5/{first + 1}", f"a literal field {how} and with an indexed name in Huffman code",
          behind=literal(USER_AGENT, "h2spec", kind, huffman=True))
    taken(f"generic/5/{first + 2}", f"a literal field {how} and with a new name",
          behind=literal("x-test", "h2spec", kind))
    taken(f"generic/5/{first + 3}", f"a literal field {how} and with a new name in Huffman code",
          behind=literal("x-test", "h2spec", kind, huffman=True))


@case("generic/5/14", "a dynamic table size update is taken")
def _(peer):
    peer.handshake()
    peer.shrink_table(128)
    peer.request()
    peer.expect_answer()


taken("generic/5/15", "more than one dynamic table size update",
      before=header_blocks.size_update(128) + header_blocks.size_update(4096))

refused("hpack/2.3.3/1", "an indexed field beyond both tables", behind=header_blocks.indexed(70))
refused("hpack/2.3.3/2", "a literal field with a name beyond both tables", behind=literal(70, "", INCREMENTAL))
refused("hpack/4.2/1", "a dynamic table size update at the end of a block", behind=header_blocks.size_update(1))

TEST = b"\x49\x50\x9f"  # "test" in Huffman code, padded with ones
NAME = b"\0" + header_blocks.string("x-test", huffman=True)


def value(coded):
    return NAME + header_blocks.raw_string(coded, huffman=True)


refused("hpack/5.2/1", "a string in Huffman code with more than seven bits of padding", behind=value(TEST + b"\xff"))
refused("hpack/5.2/2", "a string in Huffman code that is padded with zeros", behind=value(b"\x49\x50\x90"))
# t, e, s, the end-of-string symbol, t.
refused("hpack/5.2/3", "a string in Huffman code with the end-of-string symbol in it",
        behind=value(b"\x49\x51\xff\xff\xff\xfa\x7f"))
refused("hpack/6.1/1", "an indexed field with index 0", behind=header_blocks.indexed(0))


@case("hpack/6.3/1", "a dynamic table size update above SETTINGS_HEADER_TABLE_SIZE is a decoding error")
def _(peer):
    peer.handshake()
    allowed = peer.settings.get(frames.HEADER_TABLE_SIZE, 4096)
    peer.request(before=header_blocks.size_update(allowed + 1))
    peer.expect_connection_error(frames.COMPRESSION_ERROR)


main()
