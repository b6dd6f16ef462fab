#!/usr/bin/python3
"""Every mixture of lengths and codings, every chunk that is not one, every control character at every place: refused
together with the request that stands behind it, and none of their bytes reaches a backend."""

import itertools

from harness import gateway
from harness.framing import (BY_MODEL, SMUGGLED, check_all_refused, check_alone_upstream, forwarded, head, without_span)
from harness.http import answer, chunk, openai_error
from harness.suite import main, test

CONTROLS = [*range(0x20), 0x7f]


def refused(sentence, cases, statuses=(400,), **options):
    """`cases` are refused by one gateway, one after the other."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], **options))
        check_all_refused(t, upstream, sluice, cases, statuses)


def live(sentence, cases, statuses=(400,)):
    """The same where the body is passed on as it comes: what the backend gets has no end, and no second request."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address]))
        for what, raw in cases.items():
            client = t.connect(sluice)
            client.send(head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked") + chunk(b"abc"))
            backend = upstream.accept()
            backend.read_until(b"abc\r\n")
            client.send(raw + SMUGGLED)
            answered = client.read_response()
            assert answered.status in statuses, (what, answered.raw)
            openai_error(answered)
            client.expect_end()
            backend.expect_end()
            begun = forwarded("POST /v1/x", chunked=True) + chunk(b"abc")
            got = without_span(bytes(backend.received))
            # Chunks in front of the fault are sound and may have been passed on.
            assert got.startswith(begun) and got.removeprefix(begun) in (b"", chunk(b"ab")), (what, got)
        sluice.wait_idle()
        check_alone_upstream(t, upstream, sluice)


# Two lengths ---------------------------------------------------------------------------------------------------

LENGTHS = ("Content-Length: 0", "Content-Length: 5", "Content-Length: 000", "content-length: 5", "Content-Length:5",
           "Content-Length: 5, 5", "Content-Length: -1", "Content-Length:", "Content-Length: \t5\t")
CODINGS = ("Transfer-Encoding: chunked", "transfer-encoding:chunked", "TRANSFER-ENCODING: CHUNKED",
           "Transfer-Encoding: \tchunked\t", "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
           "Transfer-Encoding: chunked, identity", "Transfer-Encoding: xchunked", "Transfer-Encoding:",
           "Transfer-Encoding: cow", "Transfer-Encoding: chunked;q=0", "Transfer-Encoding: \"chunked\"")
BODY = b"0\r\n\r\n"


def mixtures(version):
    for coding, length in itertools.product(CODINGS, LENGTHS):
        for lines in ((coding, length), (length, coding), (length, coding, length), (coding, length, coding)):
            yield f"{version}, {lines}", head(f"POST /v1/x {version}", *lines) + BODY


for spoken in ("HTTP/1.1", "HTTP/1.0"):
    refused(f"every mixture of Content-Length and Transfer-Encoding is refused in {spoken}", dict(mixtures(spoken)),
            (400, 501))
    refused(f"two Transfer-Encoding fields are refused in {spoken}, whatever they say",
            {f"{lines}": head(f"POST /v1/x {spoken}", *lines) + BODY for lines in itertools.product(CODINGS, CODINGS)},
            (400, 501))
    refused(f"two Content-Length fields are refused in {spoken}, equal or not",
            {f"{lines}": head(f"POST /v1/x {spoken}", *lines) + BODY for lines in itertools.product(LENGTHS, LENGTHS)})
refused("a Transfer-Encoding is refused in HTTP/1.0, whatever it says",
        {line: head("POST /v1/x HTTP/1.0", line) + BODY for line in CODINGS})
refused("Content-Length beside Transfer-Encoding is refused for every method, also without a body",
        {method: head(f"{method} /v1/x HTTP/1.1", *lines) + BODY
         for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
         for lines in [("Content-Length: 5", "Transfer-Encoding: chunked")]})

HIDDEN = {
    "a blank before the colon": "Transfer-Encoding : chunked",
    "a tab before the colon": "Transfer-Encoding\t: chunked",
    "a vertical tab before the colon": "Transfer-Encoding\x0b: chunked",
    "a NUL before the colon": "Transfer-Encoding\0: chunked",
    "a blank in front of the name": " Transfer-Encoding: chunked",
    "a tab in front of the name": "\tTransfer-Encoding: chunked",
    "a vertical tab in front of the value": "Transfer-Encoding: \x0bchunked",
    "a form feed in front of the value": "Transfer-Encoding:\x0cchunked",
    "a NUL behind the value": "Transfer-Encoding: chunked\0",
    "a folded value": "Transfer-Encoding:\r\n chunked",
    "a value that is folded in its middle": "Transfer-Encoding: chun\r\n\tked",
    "a bare LF in front of the name": "X-A: b\nTransfer-Encoding: chunked",
    "a bare CR in front of the name": "X-A: b\rTransfer-Encoding: chunked",
    "a bare LF behind the colon": "Transfer-Encoding:\nchunked",
    "a bare CR behind the value": "Transfer-Encoding: chunked\r",
    "a name with a bracket": "(Transfer-Encoding: chunked",
    "a name that begins with a colon": ":Transfer-Encoding: chunked",
    "a name with a byte above 0x7f": "Transfer\xad-Encoding: chunked",
}
refused("a Transfer-Encoding that some parsers see and others do not is refused, with a Content-Length and without",
        {f"{what} and {other}": head("POST /v1/x HTTP/1.1", *lines) + BODY
         for what, line in HIDDEN.items()
         for other, lines in (("nothing else", (line,)), ("a length in front", ("Content-Length: 5", line)),
                              ("a length behind", (line, "Content-Length: 5")))})
refused("a Content-Length that some parsers see and others do not is refused",
        {what: head("POST /v1/x HTTP/1.1", line.replace("Transfer", "Content").replace("Encoding", "Length").replace(
            "chunked", "5").replace("chun", "5").replace("ked", "6")) + b"GPOST" for what, line in HIDDEN.items()})
refused("a Content-Length that is no plain number is refused",
        {value: head("POST /v1/x HTTP/1.1", f"Content-Length: {value}") + b"{}"
         for value in ("", "+2", "-2", "-0", "2 2", "2\t2", "0x2", "2,2", "2, 2", "2;2", "2.0", "1e1", "1_0", "2\xa0", "\xb2",
                       "٢".encode().decode("latin-1"), "\"2\"", "(2)", "2 (x)", "NaN", "18446744073709551618",
                       "18446744073709551615", "9" * 400)})
refused("a Content-Length that is merely huge is 413",
        {value: head("POST /v1/x HTTP/1.1", f"Content-Length: {value}") + b"{}"
         for value in ("16777217", "4294967298", "9223372036854775807", "9999999999999999999")}, (413,))

# Control characters ----------------------------------------------------------------------------------------------

AT = {
    "in front of the method": b"%sGET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n",
    "in the method": b"G%sET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n",
    "in the target": b"GET /v1/%sx HTTP/1.1\r\nHost: h\r\n\r\n",
    "in the query": b"GET /v1/x?a=%sb HTTP/1.1\r\nHost: h\r\n\r\n",
    "in the version": b"GET /v1/x HTTP/1%s.1\r\nHost: h\r\n\r\n",
    "behind the version": b"GET /v1/x HTTP/1.1%s\r\nHost: h\r\n\r\n",
    "in front of a name": b"GET /v1/x HTTP/1.1\r\nHost: h\r\n%sX-A: b\r\n\r\n",
    "in a name": b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-%sA: b\r\n\r\n",
    "behind a name": b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-A%s: b\r\n\r\n",
    "in a value": b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-A: b%sc\r\n\r\n",
    "in front of a value": b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-A: %sb\r\n\r\n",
    "behind a value": b"GET /v1/x HTTP/1.1\r\nHost: h\r\nX-A: b%s\r\n\r\n",
    "in Host": b"GET /v1/x HTTP/1.1\r\nHost: h%sh\r\n\r\n",
    "in Content-Length": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1%s1\r\n\r\n",
    "in front of a chunk's size": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s2\r\nab\r\n0\r\n\r\n",
    "in a chunk's size": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0%s2\r\nab\r\n0\r\n\r\n",
    "in a chunk's extension": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;a%sb\r\nab\r\n0\r\n\r\n",
    "in place of a chunk's CR": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab%s\n0\r\n\r\n",
    "behind a chunk's data": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab%s\r\n0\r\n\r\n",
    "in a trailer's name": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-%sA: b\r\n\r\n",
    "in a trailer's value": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b%sc\r\n\r\n",
    "in front of the last line": b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%s\r\n",
}
# Where a tab is a blank (RFC 9110 5.5, 9112 7.1.1), and a CR the one that belongs there.
SOUND = {("in a value", 0x09), ("in front of a value", 0x09), ("behind a value", 0x09), ("in a chunk's extension", 0x09),
         ("in a trailer's value", 0x09), ("in place of a chunk's CR", 0x0d)}
for place, template in AT.items():
    refused(f"every control character {place} is refused",
            {f"0x{code:02x}": template.replace(b"%s", bytes([code])) for code in CONTROLS if (place, code) not in SOUND},
            (400, 501), routes=BY_MODEL)

# Chunks ----------------------------------------------------------------------------------------------------------

BAD_CHUNKS = {
    **{f"the size {size!r}": size + b"\r\nab\r\n0\r\n\r\n" for size in (
        b"", b"g", b"-2", b"+2", b"0x2", b"0X2", b"2h", b"2 2", b"2\t2", b" 2", b"\t2", b"2.0", b"2,2", b"_2", b"2_0", b"\"2\"",
        b"\xb2", b"\xef\xbc\x92", b"2\0", b"2\x0b", b"2\x0c", b"\xef\xbb\xbf2")},
    **{f"the size {size!r}": size + b"\r\nab\r\n0\r\n\r\n" for size in (
        b"ffffffffffffffff", b"fffffffffffffffe", b"8000000000000000", b"10000000000000002", b"100000000000000000000002",
        b"f" * 200, b"0" * 200 + b"2")},
    "a bare LF behind the size": b"2\nab\r\n0\r\n\r\n",
    "a bare CR behind the size": b"2\rab\r\n0\r\n\r\n",
    "a CR and no LF behind the size": b"2\r\r\nab\r\n0\r\n\r\n",
    "an LF in front of CRLF": b"2\n\r\nab\r\n0\r\n\r\n",
    "a bare LF in an extension": b"2;a\nGET /v1/SMUGGLED HTTP/1.1\r\nab\r\n0\r\n\r\n",
    "a bare LF that ends an extension": b"2;a\nab\r\n0\r\n\r\n",
    "a bare CR in an extension": b"2;a\rb\r\nab\r\n0\r\n\r\n",
    "a bare LF in an extension's quoted value": b"2;a=\"\n\"\r\nab\r\n0\r\n\r\n",
    "CRLF in an extension's quoted value": b"2;a=\"\r\n\"\r\nab\r\n0\r\n\r\n",
    "a bare LF behind the data": b"2\r\nab\n0\r\n\r\n",
    "a bare CR behind the data": b"2\r\nab\r0\r\n\r\n",
    "nothing behind the data": b"2\r\nab0\r\n\r\n",
    "data shorter than its size": b"3\r\nab\r\n0\r\n\r\n",
    "data longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "a bare LF behind the last chunk": b"2\r\nab\r\n0\n\r\n",
    "a bare LF as the end": b"2\r\nab\r\n0\r\n\n",
    "a bare CR as the end": b"2\r\nab\r\n0\r\n\rX",
    "a bare LF behind a trailer": b"2\r\nab\r\n0\r\nX-A: b\n\r\n",
    "a folded trailer": b"2\r\nab\r\n0\r\nX-A: b\r\n c\r\n\r\n",
    "a trailer without a colon": b"2\r\nab\r\n0\r\nX-A\r\n\r\n",
    "a trailer without a name": b"2\r\nab\r\n0\r\n: b\r\n\r\n",
    "a trailer with a blank before the colon": b"2\r\nab\r\n0\r\nX-A : b\r\n\r\n",
    "a request in place of the trailers": b"2\r\nab\r\n0\r\n" + SMUGGLED,
    **{f"{name} among the trailers": b"2\r\nab\r\n0\r\n%s: 0\r\n\r\n" % name.encode() for name in (
        "Content-Length", "Transfer-Encoding", "Host", "content-length", "TRANSFER-ENCODING", "hOST")},
}
CHUNKED = head("POST /v1/x HTTP/1.1", "Transfer-Encoding: chunked")
refused("every chunk that is not one is refused where the body is read first",
        {what: CHUNKED + raw for what, raw in BAD_CHUNKS.items()}, routes=BY_MODEL)
live("every chunk that is not one ends a body that is passed on, and the backend's connection with it", BAD_CHUNKS)

LARGE = {
    "one extension of 8 KiB": b"2;" + b"a" * 8192 + b"\r\nab\r\n0\r\n\r\n",
    "extensions of 8 KiB over many chunks": b"1;aaaaaaaa\r\na\r\n" * 1000 + b"0\r\n\r\n",
    "8 KiB of blanks behind a size": b"2" + b" " * 8192 + b"\r\nab\r\n0\r\n\r\n",
    "an extension of 8 KiB at the last chunk": b"2\r\nab\r\n0;" + b"a" * 8192 + b"\r\n\r\n",
    "one trailer of 16 KiB": b"2\r\nab\r\n0\r\nX-A: " + b"b" * 16384 + b"\r\n\r\n",
    "trailers of 16 KiB": b"2\r\nab\r\n0\r\n" + b"X-A: bbbbbbbb\r\n" * 1200 + b"\r\n",
    "two hundred trailers": b"2\r\nab\r\n0\r\n" + b"".join(b"X-%d: b\r\n" % i for i in range(200)) + b"\r\n",
}
refused("chunk extensions and trailers without measure are refused where the body is read first",
        {what: CHUNKED + raw for what, raw in LARGE.items()}, (400, 413, 431), routes=BY_MODEL)


# What may be, and as what it is passed on ------------------------------------------------------------------------


def framed_anew(sentence, raw, content, **options):
    """The content reaches the backend with one plain length, and what stands behind the request is the next one."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL, **options))
        client = t.connect(sluice)
        client.send(raw + head("GET /v1/good HTTP/1.1"))
        backend = upstream.accept()
        for expected in (forwarded("POST /v1/x", body=content), forwarded("GET /v1/good", length=False)):
            got = without_span(backend.read_request().raw)
            assert got == expected, got
            backend.send(answer(b"ok"))
            assert client.read_response().body == b"ok"


MODEL = b"{\"model\":\"tiny\"}"
framed_anew("sizes with zeros in front, blanks and quoted extensions are dropped; the content has one length",
            CHUNKED + b"000" + b"8 ;a=\"b;c\\\"\"\r\n" + MODEL[:8] + b"\r\n8 \r\n" + MODEL[8:] + b"\r\n00;last\r\n\r\n", MODEL)
framed_anew("a body in chunks of one byte has one length behind the gateway",
            CHUNKED + b"".join(chunk(MODEL[i:i + 1]) for i in range(len(MODEL))) + b"0\r\n\r\n", MODEL)
framed_anew("no trailer becomes a field of the request, whatever its name",
            CHUNKED + chunk(MODEL) + b"0\r\n" + b"".join(b"%s: evil\r\n" % name for name in (
                b"Authorization", b"Cookie", b"X-Forwarded-For", b"X-Real-Ip", b"Forwarded", b"X-Request-Id", b"Traceparent",
                b"X-Sluice-Cluster", b"Connection", b"Te", b"Expect", b"Content-Type", b"Content-Encoding", b"X-A",
                b"Set-Cookie", b"Upgrade", b"Trailer", b"Via", b"Keep-Alive")) + b"\r\n", MODEL)


# Pipelining --------------------------------------------------------------------------------------------------------

BAD_SECONDS = {
    "no Host": b"GET /v1/SMUGGLED HTTP/1.1\r\n\r\n",
    "a bare LF": b"GET /v1/SMUGGLED HTTP/1.1\nHost: h\n\n",
    "two lengths": head("POST /v1/SMUGGLED HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked") + BODY,
    "a dot segment": head("GET /v1/../SMUGGLED HTTP/1.1"),
    "a folded line": head("GET /v1/SMUGGLED HTTP/1.1", "X-A: b", " c"),
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bytes of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "the rest of a body": b"SMUGGLED\r\n\r\n",
    "CONNECT": head("CONNECT h:443 HTTP/1.1"),
    "a chunk that is none": CHUNKED + b"zz\r\n",
}
for what, second in BAD_SECONDS.items():

    @test(f"a second request with {what} harms neither the first nor anybody else, and a third is not read")
    def _(t, second=second):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
        client = t.connect(sluice)
        client.send(head("GET /v1/good HTTP/1.1") + second + SMUGGLED)
        backend = upstream.accept()
        assert without_span(backend.read_request().raw) == forwarded("GET /v1/good", length=False)
        backend.send(answer(b"first"))
        assert client.read_response().body == b"first"
        refused_second = client.read_response()
        assert 400 <= refused_second.status <= 505, refused_second.raw
        openai_error(refused_second)
        client.expect_end()
        assert [line["status"] for line in sluice.access_log(2)] == [200, refused_second.status]
        # The connection of the first is used again, and has seen nothing else.
        other = t.connect(sluice)
        other.send(head("GET /v1/good HTTP/1.1"))
        assert without_span(backend.read_request().raw) == forwarded("GET /v1/good", length=False)
        backend.send(answer(b"other"))
        assert other.read_response().body == b"other"
        assert b"SMUGGLED" not in backend.received and upstream.nobody_waits()


main()
