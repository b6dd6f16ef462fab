#!/usr/bin/python3
"""What only HTTP/2 towards clients has: many streams on one connection, windows, header compression, GOAWAY."""

import json
import random
import signal

from harness import clients, downstream, frames, gateway, header_blocks, http2
from harness.http import EVENTS_HEAD, LAST_CHUNK, answer, chunk, event
from harness.suite import main, test

PROMPT = b"{}"
LONG = random.Random(1).randbytes(300_000)


def case(sentence):
    """Registers a test that gets a function which starts a gateway: it gives the gateway and a client."""
    def register(function):
        for protocol in downstream.HTTP2:

            @test(f"{sentence} ({protocol.name})")
            def _(t, protocol=protocol):
                def start(backend, *settings, http=None, **options):
                    listeners = [protocol.listener(http)]
                    sluice = t.gateway(gateway.config([backend.address], listeners=listeners, **options))
                    return sluice, clients.Http2Client(t, sluice.address, protocol, *settings)

                function(t, start)

        return function

    return register


def read(exchange):
    """(status, content) of an answer."""
    return exchange.read_head().status, exchange.read_to_end()


def long_or_short(request, connection):
    connection.send(answer(LONG if request.target == "/long" else b"short"))


# Streams beside each other -----------------------------------------------------------------------------------------


@case("a stream whose client does not open its window holds up no other")
def _(t, start):
    _, client = start(t.serving(long_or_short))
    client.connection.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 1000)))
    stuck = client.begin("GET", "/long")
    assert stuck.read_head().status == 200
    stream = client.connection.streams[1]
    while len(stream.content) < 1000:
        client.connection.pump()
    for _ in range(50):
        assert read(client.begin("GET", "/short")) == (200, b"short")
    assert stuck.read_to_end() == LONG


@case("an upload that its backend does not read holds up no other exchange")
def _(t, start):
    upstream = t.upstream(receive_buffer=4096)
    sluice, client = start(upstream, limits={"stream_buffer_bytes": "64KiB"}, timeouts={"first_content": "10m"})
    stuck = client.begin(body=b"x", whole=False)
    upstream.accept().read_until(b"x")
    stream = client.connection.streams[1]
    sent = 0
    while stream.window > 0 and client.connection.window > 0:
        size = min(stream.window, client.connection.window, 16_000)
        stuck.send(b"x" * size)
        sent += size
        client.connection.ping()
    assert sent < 10_000_000, f"the gateway has taken {sent} bytes that nobody reads"
    backend = None
    for _ in range(5):
        asked = client.begin("GET", "/other")
        backend = backend or upstream.accept()  # kept alive from then on
        backend.read_request()
        backend.send(answer(b"other"))
        assert read(asked) == (200, b"other")


@case("three thousand exchanges pass one after the other on one connection")
def _(t, start):
    sluice, client = start(t.serving(long_or_short))
    for _ in range(3000):
        assert read(client.begin("GET", "/short")) == (200, b"short")
    assert sluice.metrics().sum("sluice_downstream_accepted_total") == 1


@case("a hundred streams of events at once each get their own events as they come")
def _(t, start):
    upstream = t.upstream()
    _, client = start(upstream)
    asked = [client.begin(body=b"%d" % i) for i in range(100)]
    served = {}
    for _ in asked:
        backend = upstream.accept()
        served[int(backend.read_request().body)] = backend
        backend.send(EVENTS_HEAD)
    for turn in range(3):
        for i in range(100):
            served[i].send(chunk(event(f"{i}:{turn}")))
        for i, exchange in enumerate(asked):
            assert turn != 0 or exchange.read_head().status == 200
            assert exchange.read(len(event(f"{i}:{turn}"))) == event(f"{i}:{turn}")
    for i, exchange in enumerate(asked):
        served[i].send(LAST_CHUNK)
        assert exchange.read_to_end() == b""


@case("of a hundred streams one is not read: the others keep their pace, and the stall is told")
def _(t, start):
    upstream = t.upstream()
    sluice, client = start(upstream, (frames.INITIAL_WINDOW_SIZE, 1000))
    asked, backends = [], []
    for i in range(100):
        asked.append(client.begin(body=b"%d" % i))
        backends.append(upstream.accept())
        backends[i].read_request()
        backends[i].send(EVENTS_HEAD)
    first = b"".join(event("x" * 90) for _ in range(100))
    backends[0].send(chunk(first))
    stuck = client.connection.streams[1]
    while len(stuck.content) < 1000:
        client.connection.pump()
    for turn in range(30):
        for i in range(1, 100):
            backends[i].send(chunk(event(f"{i}:{turn}")))
        for i in range(1, 100):
            assert asked[i].read(len(event(f"{i}:{turn}"))) == event(f"{i}:{turn}")
    assert sluice.metrics().sum("sluice_http2_stalled_streams") == 1
    for backend in backends:
        backend.send(LAST_CHUNK)
    assert asked[0].read_to_end() == first
    for exchange in asked[1:]:
        assert exchange.read_to_end() == b""
    stalled = [line["client_stalled_ms"] for line in sluice.access_log(100) if "client_stalled_ms" in line]
    assert len(stalled) == 1 and stalled[0] > 0, stalled
    assert sluice.metrics().sum("sluice_http2_stalled_streams") == 0


# Windows and frames --------------------------------------------------------------------------------------------------


@case("an answer through a window that opens by single bytes is the same answer")
def _(t, start):
    _, client = start(t.serving(lambda _r, c: c.send(answer(LONG[:300]))))
    client.connection.send(frames.settings((frames.INITIAL_WINDOW_SIZE, 0)))
    asked = client.begin("GET", "/")
    assert asked.read_head().status == 200
    stream, got = client.connection.streams[1], b""
    while len(got) < 300:
        client.connection.send(frames.window_update(1, 1))
        while not stream.content:
            client.connection.pump()
        assert len(stream.content) == 1
        got += bytes(stream.content)
        stream.content.clear()
    assert got == LONG[:300]


@case("padding counts against the windows, and they are opened again")
def _(t, start):
    _, client = start(t.serving(lambda r, c: c.send(answer(r.body))))
    asked = client.begin(whole=False)
    stream = client.connection.streams[1]
    for _ in range(2000):
        while stream.window < 300 or client.connection.window < 300:
            client.connection.pump()
        client.connection.send(frames.data(1, b"ab", pad=250))
        stream.window -= 253
        client.connection.window -= 253
    asked.finish()
    assert read(asked) == (200, b"ab" * 2000)


@case("no frame is longer than the client takes")
def _(t, start):
    _, client = start(t.serving(long_or_short))
    asked = client.begin("GET", "/long")
    assert read(asked) == (200, LONG)
    assert max(len(f.payload) for f in client.connection.seen) <= frames.DEFAULT_FRAME_SIZE


@case("an answer's head that is longer than a frame arrives whole")
def _(t, start):
    fields = [(f"X-Field-{i}", "v" * 500) for i in range(50)]
    _, client = start(t.serving(lambda _r, c: c.send(answer(b"ok", headers=fields))))
    asked = client.begin("GET", "/")
    head = asked.read_head()
    assert [head.get(f"x-field-{i}") for i in range(50)] == ["v" * 500] * 50
    assert asked.read_to_end() == b"ok"


# Heads -------------------------------------------------------------------------------------------------------------


@case("a client that keeps no table gets heads that need none")
def _(t, start):
    _, client = start(t.serving(long_or_short), (frames.HEADER_TABLE_SIZE, 0))
    client.connection.decoder = header_blocks.Decoder()
    client.connection.decoder.max_allowed_table_size = 0
    client.connection.decoder.header_table_size = 0
    for _ in range(10):
        assert read(client.begin("GET", "/short")) == (200, b"short")
        assert not client.connection.decoder.header_table.dynamic_entries


@case("cookies that come as several fields reach the backend as one")
def _(t, start):
    backend = t.serving(lambda r, c: c.send(answer(r.get("cookie").encode())))
    _, client = start(backend)
    asked = client.begin("GET", "/", headers=[("cookie", "a=b"), ("cookie", "c=d"), ("cookie", "e=f")])
    assert read(asked) == (200, b"a=b; c=d; e=f")


@case("a client that expects 100 is told to continue, and then answered")
def _(t, start):
    _, client = start(t.serving(lambda r, c: c.send(answer(r.body))))
    asked = client.begin(headers=[("expect", "100-continue")], whole=False)
    assert asked.read_head().status == 100
    asked.send(b"body")
    asked.finish()
    assert read(asked) == (200, b"body")


@case("Host that is :authority passes, and stands for it where there is none")
def _(t, start):
    _, client = start(t.serving(lambda r, c: c.send(answer(r.get("host").encode()))))
    assert read(client.begin("GET", "/", headers=[("host", "gateway")])) == (200, b"gateway")
    stream = client.connection.open()
    stream.send_head([(":method", "GET"), (":scheme", client.scheme), (":path", "/"), ("host", "other")], end=True)
    assert read(clients.Http2Exchange(stream)) == (200, b"other")


@case("OPTIONS * is answered or refused, and harms nobody")
def _(t, start):
    _, client = start(t.serving(long_or_short))
    stream = client.connection.request(http2.fields("OPTIONS", "*"))
    while not (stream.ended or stream.reset is not None):
        client.connection.pump()
    assert read(client.begin("GET", "/short")) == (200, b"short")


# Ends ----------------------------------------------------------------------------------------------------------------


@case("a client's GOAWAY lets what it began end, and then its connection ends")
def _(t, start):
    upstream = t.upstream()
    _, client = start(upstream)
    asked = client.begin(body=PROMPT)
    backend = upstream.accept()
    backend.read_request()
    client.connection.send(frames.goaway())
    backend.send(answer(b"late"))
    assert read(asked) == (200, b"late")
    client.connection.wait_end()


@case("SIGTERM sends GOAWAY, serves what was sent before the client saw it, and ends")
def _(t, start):
    upstream = t.upstream()
    sluice, client = start(upstream)
    asked = client.begin(body=PROMPT)
    backend = upstream.accept()
    backend.read_request()
    sluice.signal(signal.SIGTERM)
    sluice.wait_until(lambda: sluice.page("/ready")[0] == 503, "the gateway drains")
    # Not having read the GOAWAY, the client begins another.
    crossing = client.begin("GET", "/crossing")
    served = upstream.accept()
    assert served.read_request().target == "/crossing"
    served.send(answer(b"crossing"))
    assert read(crossing) == (200, b"crossing")
    backend.send(answer(b"late"))
    assert read(asked) == (200, b"late")
    last = client.connection.wait_end()
    assert last is not None and last.error == frames.NO_ERROR and last.last_stream == 3, last
    assert sluice.wait() == 0


@case("an idle connection gets GOAWAY at SIGTERM and is closed")
def _(t, start):
    sluice, client = start(t.serving(long_or_short))
    assert read(client.begin("GET", "/short")) == (200, b"short")
    sluice.signal(signal.SIGTERM)
    last = client.connection.wait_end()
    assert last is not None and last.error == frames.NO_ERROR, last
    assert sluice.wait() == 0


@case("a reload ends no connection, and the next stream has the new configuration")
def _(t, start):
    one, two = t.serving(lambda _r, c: c.send(answer(b"one"))), t.serving(lambda _r, c: c.send(answer(b"two")))
    sluice, client = start(one)
    assert read(client.begin(body=b"{}")) == (200, b"one")
    settings = json.loads(sluice.file.read_text())
    settings["clusters"][0]["endpoints"][0]["address"] = two.address
    assert sluice.reload(settings)["message"] == "configuration reloaded"
    assert read(client.begin(body=b"{}")) == (200, b"two")
    assert client.connection.goaway is None


for spoken in downstream.HTTP2:

    @test(f"HTTP/1.1 and HTTP/2 are served side by side by one listener ({spoken.name})")
    def _(t, spoken=spoken):
        sluice = t.gateway(gateway.config([t.serving(long_or_short).address], listeners=[spoken.listener()]))
        other = next(p for p in downstream.SPOKEN if p.encrypted == spoken.encrypted and not p.http2)
        for protocol in (spoken, other, spoken, other):
            assert read(clients.connect(t, sluice, protocol).begin("GET", "/short")) == (200, b"short")


main()
