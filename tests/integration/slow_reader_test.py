#!/usr/bin/python3
"""A client that does not read costs a bounded amount of memory, and loses nothing when it reads on."""

import hashlib
import random
import socket
import threading

from harness import gateway, process
from harness.http import EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, request
from harness.suite import main, test

SIZE = 100_000_000
STREAM_BUFFER = 64 * 1024
# What one stalled exchange may add to the gateway's memory: its buffers, and room for what the allocator keeps.
SLACK = 4 * 1024 * 1024
PIECE = random.Random(1).randbytes(1_000_000)


class Flood:
    """Sends SIZE bytes from a thread and counts how far it has come."""

    def __init__(self, connection, head, frame=lambda data: data, end=b""):
        self.sent = 0
        self.failed = None
        self._connection, self._head, self._frame, self._end = connection, head, frame, end
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            self._connection.send(self._head)
            while self.sent < SIZE:
                framed = memoryview(self._frame(PIECE))
                while framed:
                    framed = framed[self._connection.socket.send(framed[:65536]):]
                self.sent += len(PIECE)
            self._connection.send(self._end)
        except OSError as error:
            self.failed = error

    def join(self):
        self._thread.join(process.PATIENCE)
        assert not self._thread.is_alive(), "the flood goes on"


def stops(sluice):
    """Waits until the answer makes no progress any more: the same count at many looks in a row."""
    last, same = None, 0

    def quiet():
        nonlocal last, same
        streams = sluice.streams()
        now = streams[0]["response_bytes"] if streams else None
        same = same + 1 if now == last and now else 0
        last = now
        return same >= 20
    sluice.wait_until(quiet, "the answer has filled every buffer")
    return last


def expected_digest():
    digest = hashlib.sha256()
    for _ in range(SIZE // len(PIECE)):
        digest.update(PIECE)
    return digest.hexdigest()


def slow_answer(name, head, frame, end, read):
    @test(f"100 MB {name} that nobody reads stay with the backend, and arrive whole when they are read")
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], limits={"stream_buffer_bytes": f"{STREAM_BUFFER}B"},
                                          timeouts={"between_tokens": "10m", "first_content": "10m"}))
        # One exchange before, so that what only the first one allocates is not counted.
        client = t.connect(sluice)
        client.send(request(body=chat()))
        backend = upstream.accept()
        backend.read_request()
        backend.send(answer(b"ok"))
        assert client.read_response().body == b"ok"

        before = sluice.resident_bytes()
        client.send(request(body=chat(stream=True)))
        backend.read_request()
        flood = Flood(backend, head, frame, end)
        relayed = stops(sluice)
        grown = sluice.resident_bytes() - before
        assert grown <= STREAM_BUFFER + SLACK, f"the gateway has grown by {grown} bytes"
        assert flood.sent < SIZE / 2, f"the backend could send {flood.sent} bytes"
        # What has left the backend and not reached the client is in the sockets' buffers and the gateway's.
        assert relayed <= flood.sent + 2 * len(PIECE)

        assert read(client) == expected_digest()
        flood.join()
        assert flood.failed is None, flood.failed
        sluice.wait_idle()
        grown = sluice.resident_bytes() - before
        assert grown <= STREAM_BUFFER + SLACK, f"the gateway has grown by {grown} bytes"
        assert sluice.access_log(2)[1]["response_bytes"] == SIZE


def read_length(client):
    assert client.read_head().get("content-length") == str(SIZE)
    digest, left = hashlib.sha256(), SIZE
    while left:
        piece = client.read_exactly(min(left, len(PIECE)))
        client.forget()
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def read_chunks(client):
    assert client.read_head().get("transfer-encoding") == "chunked"
    digest = hashlib.sha256()
    while size := int(client.read_until(b"\r\n"), 16):
        digest.update(client.read_exactly(size + 2)[:-2])
        client.forget()
    assert client.read_until(b"\r\n") == b"\r\n"
    return digest.hexdigest()


slow_answer("of a known length", b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\n\r\n" % SIZE, lambda data: data, b"", read_length)
slow_answer("of a stream of events", EVENTS_HEAD, chunk, LAST_CHUNK, read_chunks)


@test("a hundred clients that do not read cost their buffers and no more")
def _(t):
    def flood(_, connection):
        connection.send(EVENTS_HEAD)
        for _ in range(100):
            connection.send(chunk(PIECE))
        connection.send(LAST_CHUNK)

    backend = t.serving(flood)
    sluice = t.gateway(gateway.config([backend.address]))
    before = sluice.resident_bytes()
    clients = [t.connect(sluice) for _ in range(100)]
    for client in clients:
        client.send(request(body=chat(stream=True)))
    sluice.wait_state("streaming", 100)

    last, same = None, 0

    def quiet():
        nonlocal last, same
        now = sum(s["response_bytes"] for s in sluice.streams())
        same = same + 1 if now == last else 0
        last = now
        return same >= 20
    sluice.wait_until(quiet, "all the answers have filled their buffers")
    grown = sluice.resident_bytes() - before
    assert grown <= 100 * 2 * STREAM_BUFFER + SLACK, f"the gateway has grown by {grown} bytes"
    for client in clients:
        client.leave()
    sluice.wait_idle()


@test("a backend that does not read holds a client's upload back, and the upload arrives whole")
def _(t):
    upstream = t.upstream(receive_buffer=65536)
    sluice = t.gateway(gateway.config([upstream.address], http={"max_body_bytes": "200MB"},
                                      timeouts={"first_content": "10m"}))
    client = t.connect(sluice)
    head = b"POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % SIZE
    before = sluice.resident_bytes()
    flood = Flood(client, head)
    backend = upstream.accept()
    received = backend.read_head()

    last, same = None, 0

    def quiet():
        nonlocal last, same
        same = same + 1 if flood.sent == last else 0
        last = flood.sent
        return same >= 50
    process.wait_until(quiet, "the upload has filled every buffer")
    assert flood.sent < SIZE / 2, f"the client could send {flood.sent} bytes"
    grown = sluice.resident_bytes() - before
    assert grown <= STREAM_BUFFER + SLACK, f"the gateway has grown by {grown} bytes"
    assert received.get("content-length") == str(SIZE)
    digest, left = hashlib.sha256(), SIZE
    while left:
        piece = backend.read_exactly(min(left, len(PIECE)))
        backend.forget()
        digest.update(piece)
        left -= len(piece)
    assert digest.hexdigest() == expected_digest()
    backend.send(answer(b"ok"))
    assert client.read_response().body == b"ok"


@test("a client that takes no byte for write_timeout is cut off, and the backend's work ends")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], http={"write_timeout": "300ms"}))
    client = t.connect(sluice)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(request(body=chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    flood = Flood(backend, EVENTS_HEAD, chunk, LAST_CHUNK)
    flood.join()
    assert flood.failed is not None and flood.sent < SIZE
    sluice.wait_idle()
    assert sluice.access_log(1)[0]["error"] == "client_gone"


main()
