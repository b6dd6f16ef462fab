"""Loads in which nothing happens by itself: one thread is the clients and the backend, sends one thing, waits for what the
proxy makes of it, and goes on. What the proxy finds at a time is then the same on a slow machine and on a busy one, so
that its work can be counted. Rounds go over all connections in turn, which is how they reach every thread of a proxy."""
import contextlib
import json
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))
from harness import backends, downstream, http, http2, suite, wire  # noqa: E402

HTTP1, HTTPS1, H2 = downstream.HTTP1, downstream.HTTPS1, downstream.H2
CONNECTIONS = 16  # that all are one of two threads' happens once in 32,768 times
PATH = "/v1/chat/completions"
EVENTS_PATH = "/v1/events"  # which is not buffered by a proxy that would
# As uvicorn sends vLLM's.
ANSWER = b'{"id":"chatcmpl-1","object":"chat.completion","created":1750000000,"model":"tiny","choices":[{"index":0,' \
         b'"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],' \
         b'"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'
EVENT = b'data: {"id":"chatcmpl-9f86d081884c7d659a2feaa0c55ad015","object":"chat.completion.chunk","created":1750000000,' \
        b'"model":"tiny","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}]}\n\n'
_SERVER = (("date", "Mon, 02 Nov 2026 09:00:00 GMT"), ("server", "uvicorn"))
_CLIENT = (("user-agent", "lockstep"), ("content-type", "application/json"))


def backend():
    return backends.Backend(backends.HTTP1)


class _Http1Client:
    def __init__(self, connection):
        self._wire = connection
        self._content = None

    def ask(self, path, body, times=1):
        assert times == 1, "HTTP/1.1 answers one request at a time"
        self._wire.send(http.request("POST", path, body, _CLIENT[:1]))

    def take_answers(self):
        _good(self._wire.read_response().status)
        self._wire.forget()

    def take_head(self):
        _good(self._wire.read_head().status)
        self._content = wire.ChunkedContent(self._wire)

    def take(self, size):
        self._content.read(size)
        self._wire.forget()

    def take_end(self):
        self._content.read_to_end()


class _Http2Client(http2.Client):
    """What is sent leaves when something is waited for, in one piece. The windows it begins with are wide enough."""
    _waiting_to_leave = b""

    def __init__(self, connection):
        super().__init__(connection)
        self._asked = []

    def send(self, *pieces):
        self._waiting_to_leave += b"".join(pieces)

    def flush(self):
        if self._waiting_to_leave:
            self.wire.send(self._waiting_to_leave)
            self._waiting_to_leave = b""

    def read_frame(self):
        self.flush()
        return super().read_frame()

    def ask(self, path, body, times=1):
        fields = http2.fields("POST", path, [*_CLIENT, ("content-length", str(len(body)))], scheme="https")
        self._asked += [self.request(fields, body) for _ in range(times)]
        self.flush()

    def take_answers(self):
        for stream in self._asked:
            self._pump_until(lambda s=stream: s.ended)
            _good(_status(stream))
            del self.streams[stream.number]
        self._asked.clear()
        self.seen.clear()

    def take_head(self):
        self._pump_until(lambda: self._asked[0].heads)
        _good(_status(self._asked[0]))

    def take(self, size):
        content = self._asked[0].content
        self._pump_until(lambda: len(content) >= size)
        del content[:size]
        self.seen.clear()

    def take_end(self):
        self._pump_until(lambda: self._asked[0].ended)

    def _pump_until(self, condition):
        while not condition():
            self.pump()


def _status(stream):
    return int(dict(stream.heads[0])[":status"])


def _good(status):
    if status != 200:
        raise RuntimeError(f"the proxy answered {status}")


@contextlib.contextmanager
def _clients(proxy, protocol, count):
    with contextlib.ExitStack() as stack:
        t = suite.Test(stack)
        port = proxy.site.tls if protocol.encrypted else proxy.site.plain
        kind = _Http2Client if protocol.http2 else _Http1Client
        yield [kind(downstream.connect(t, ("127.0.0.1", port), protocol, trust=False)) for _ in range(count)]


@contextlib.contextmanager
def _held(pid):
    """The proxy stands still: what is sent to it meanwhile, it finds all at once."""
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def requests(proxy, behind, rounds, *, protocol, prompt_bytes, at_a_time=1):
    """In each round every connection has a request answered; so many rounds' at a time. Returns their number."""
    assert rounds % at_a_time == 0
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x" * prompt_bytes}]}).encode()
    with _clients(proxy, protocol, CONNECTIONS) as clients:
        for _ in range(rounds // at_a_time):
            for client in clients:
                client.ask(PATH, body, at_a_time)
                asked = [behind.accept() for _ in range(at_a_time)]
                with _held(proxy.process.pid) if at_a_time > 1 else contextlib.nullcontext():
                    for exchange in asked:
                        exchange.read_to_end()
                        exchange.answer(ANSWER, headers=(*_SERVER, ("content-type", "application/json")))
                client.take_answers()
    return rounds * CONNECTIONS


def events(proxy, behind, rounds, *, protocol, burst=1):
    """Every connection has a stream, and in each round so many events at once. Returns their number."""
    body = json.dumps({"model": "tiny", "stream": True, "messages": [{"role": "user", "content": "x" * 100}]}).encode()
    with _clients(proxy, protocol, CONNECTIONS) as clients:
        streams = []
        for client in clients:
            client.ask(EVENTS_PATH, body)
            streams.append((client, behind.accept()))
            streams[-1][1].read_to_end()
            streams[-1][1].begin(headers=(*_SERVER, ("content-type", "text/event-stream; charset=utf-8")))
        for client, exchange in streams:  # a head may wait for what follows it
            exchange.send(EVENT)
            client.take_head()
            client.take(len(EVENT))
        for _ in range(rounds):
            for client, exchange in streams:
                exchange.send(*[EVENT] * burst)
                client.take(len(EVENT) * burst)
        for client, exchange in streams:
            exchange.send(b"data: [DONE]\n\n")
            exchange.finish()
            client.take_end()
    return rounds * CONNECTIONS * burst
