#!/usr/bin/python3
"""The same scenarios over every pair of protocols: the client's side times the backend's side."""

import hashlib
import json
import random
import signal
import threading

from harness import backends, clients, downstream, gateway, process
from harness.framing import BY_MODEL
from harness.http import DONE, chat, event, usage_event
from harness.suite import main, test

TEXT = (("content-type", "text/plain"),)
PROMPT = json.dumps(chat(stream=True)).encode()
PIECE = random.Random(1).randbytes(50_000)
# What one stalled exchange may add to the gateway's memory: its buffers, and room for what the allocator keeps.
SLACK = 4 * 1024 * 1024


class Pair:
    """A gateway between a client and a backend."""

    def __init__(self, t, down, up):
        self.t, self.down, self.up = t, down, up
        self.backend = backends.start(t, up)
        self.sluice = self.client = None

    def settings(self, backend=None, *, http=None, pool=None, **sections):
        cluster = {"name": "models", "endpoints": [{"address": (backend or self.backend).address}]} | self.up.cluster()
        return gateway.config(clusters=[cluster | ({"pool": pool} if pool else {})],
                              listeners=[self.down.listener(http)], **sections)

    def start(self, **options):
        self.sluice = self.t.gateway(self.settings(**options))
        self.client = self.another_client()

    def another_client(self):
        return clients.connect(self.t, self.sluice, self.down)

    def stream(self):
        """A stream of events whose first event has arrived; the client's exchange and the backend's."""
        asked = self.client.begin(body=PROMPT)
        served = self.backend.accept()
        assert served.read_to_end() == PROMPT
        served.begin()
        served.send(event("first"))
        assert asked.read_head().status == 200
        assert asked.read(len(event("first"))) == event("first")
        return asked, served

    def is_served(self, backend=None, client=None):
        """An ordinary exchange, start to end."""
        asked = (client or self.client).begin(body=b"{}")
        served = (backend or self.backend).accept()
        served.read_to_end()
        served.answer(b"served")
        assert asked.read_head().status == 200
        assert asked.read_to_end() == b"served"

    def gone(self):
        """Nothing of the exchange is left."""
        self.sluice.wait_idle()
        assert self.sluice.endpoints()[self.backend.address]["in_flight"] == 0
        line = self.sluice.access_log(1)[0]
        assert (line["error"], line["fault"]) == ("client_gone", "downstream"), line


def refused(asked, status, code):
    """An answer of the gateway's own."""
    head = asked.read_head()
    assert head.status == status, head
    error = json.loads(asked.read_to_end())["error"]
    assert error["code"] == code, error


def scenario(sentence):
    def register(function):
        for down in downstream.SPOKEN:
            for up in backends.SPOKEN:

                @test(f"{down.name} to {up.name}: {sentence}")
                def _(t, down=down, up=up):
                    function(Pair(t, down, up))

        return function

    return register


# Messages --------------------------------------------------------------------------------------------------------


@scenario("a request and its answer pass with their fields")
def _(pair):
    pair.start()
    asked = pair.client.begin("POST", "/v1/x?a=b%20c", b"{\"a\": 1}", [
        ("X-Twice", "1"), ("X-Twice", "2"), ("X-Request-Id", "the-id"), ("TE", "trailers"), ("Cookie", "a=b; c=d")])
    served = pair.backend.accept()
    assert (served.method, served.path, served.authority) == ("POST", "/v1/x?a=b%20c", "gateway")
    assert served.read_to_end() == b"{\"a\": 1}"
    assert [v for n, v in served.headers if n == "x-twice"] == ["1", "2"], served.headers
    for name, value in {"x-request-id": "the-id", "x-forwarded-proto": pair.down.scheme, "x-forwarded-for": "127.0.0.1",
                        "x-forwarded-host": "gateway", "cookie": "a=b; c=d", "content-length": "8", "te": None,
                        "connection": None}.items():
        assert served.get(name) == value, (name, served.headers)
    served.answer(b"hello", 201, [*TEXT, ("set-cookie", "a=b"), ("set-cookie", "c=d")])
    head = asked.read_head()
    assert (head.status, head.get("content-type"), head.get("content-length")) == (201, "text/plain", "5"), head
    assert [v for n, v in head.headers if n == "set-cookie"] == ["a=b", "c=d"], head
    assert head.get("x-request-id") == "the-id", head
    assert asked.read_to_end() == b"hello"


@scenario("answers without a body: HEAD, 204, 304 and an empty one")
def _(pair):
    pair.start()
    for method, status, length in (("HEAD", 200, None), ("GET", 204, None), ("GET", 304, None), ("GET", 200, 0)):
        asked = pair.client.begin(method)
        served = pair.backend.accept()
        assert served.method == method
        served.begin(status, (), length=length, end=True)
        assert asked.read_head().status == status
        assert asked.read_to_end() == b""
    pair.is_served()


@scenario("a body passes as it comes")
def _(pair):
    pair.start()
    asked = pair.client.begin(body=b"first", whole=False)
    served = pair.backend.accept()
    assert served.read(5) == b"first"
    for i in range(20):
        asked.send(b"piece %d" % i)
        assert served.read(len(b"piece %d" % i)) == b"piece %d" % i
    asked.finish()
    assert served.read_to_end() == b""
    served.answer(b"all")
    assert asked.read_head().status == 200 and asked.read_to_end() == b"all"


@scenario("a body that is read for its model passes whole, with its length")
def _(pair):
    pair.start(routes=BY_MODEL)
    asked = pair.client.begin(body=b"{\"model\": ", whole=False)
    asked.send(b"\"tiny\"}")
    asked.finish()
    served = pair.backend.accept()
    assert served.read_to_end() == b"{\"model\": \"tiny\"}" and served.get("content-length") == "17", served.headers
    served.answer(b"{}")
    assert asked.read_head().status == 200 and asked.read_to_end() == b"{}"
    refused(pair.client.begin(body=b"{\"model\": \"other\"}"), 404, "model_not_found")


@scenario("trailers do no harm to the message before them")
def _(pair):
    pair.start()
    asked = pair.client.begin(body=b"abc", whole=False)
    served = pair.backend.accept()
    asked.finish([("x-trailer", "t")])
    assert served.read_to_end() == b"abc" and served.get("x-trailer") is None
    served.begin(headers=TEXT)
    served.send(b"def")
    served.finish([("x-trailer", "t")])
    head = asked.read_head()
    assert asked.read_to_end() == b"def" and head.get("x-trailer") is None
    pair.is_served()


@scenario("trailers of requests reach backends of HTTP/2, apart from the head; what they must not say does not")
def _(pair):
    pair.start(routes=BY_MODEL)
    sent = [("x-checksum", "1"), ("authorization", "no"), ("x-forwarded-for", "6.6.6.6"), ("x-sluice-a", "no")]
    # A body that is read for its model first, and one that is passed on as it comes.
    for body, path in ((PROMPT, "/v1/chat/completions"), (b"abc", "/v1/good")):
        asked = pair.client.begin(path=path, body=body, whole=False)
        served = pair.backend.accept() if path == "/v1/good" else None
        asked.finish(sent)
        served = served or pair.backend.accept()
        assert served.read_to_end() == body and served.get("x-checksum") is None
        assert served.trailers() == ([("x-checksum", "1")] if pair.up.http2 else []), served.trailers()
        served.answer(b"{}")
        assert asked.read_head().status == 200 and asked.read_to_end() == b"{}"


@scenario("megabytes pass both ways")
def _(pair):
    pair.start()
    asked = pair.client.begin(whole=False)
    served = pair.backend.accept()
    for _ in range(60):
        asked.send(PIECE)
        assert served.read(len(PIECE)) == PIECE
    asked.finish()
    assert served.read_to_end() == b""
    served.begin(headers=TEXT, length=60 * len(PIECE))
    assert asked.read_head().get("content-length") == str(60 * len(PIECE))
    for _ in range(60):
        served.send(PIECE)
        assert asked.read(len(PIECE)) == PIECE
    served.finish()
    assert asked.read_to_end() == b""


@scenario("twenty exchanges at once each get their own answer")
def _(pair):
    pair.start()
    asked = [pair.client.begin(path=f"/v1/{i}", body=b"%d" % i) for i in range(20)]
    served = [pair.backend.accept() for _ in asked]
    for exchange in reversed(served):
        exchange.answer(exchange.path.encode() + b" got " + exchange.read_to_end())
    for i, exchange in enumerate(asked):
        assert exchange.read_head().status == 200
        assert exchange.read_to_end() == b"/v1/%d got %d" % (i, i)
    if pair.up.http2:
        assert pair.backend.connections < 20, "each exchange has a connection of its own"


@scenario("one connection to the backend serves one exchange after the other")
def _(pair):
    pair.start()
    for _ in range(5):
        pair.is_served()
    assert pair.backend.connections == 1


@scenario("an answer that comes before the request's body is whole is relayed")
def _(pair):
    pair.start()
    asked = pair.client.begin(body=b"abc", whole=False)
    served = pair.backend.accept()
    assert served.read(3) == b"abc"
    served.answer(b"too much", 413, TEXT)
    assert asked.read_head().status == 413
    assert asked.read_to_end() == b"too much"
    pair.sluice.wait_idle()
    pair.is_served(client=pair.another_client())


# Streams ---------------------------------------------------------------------------------------------------------


@scenario("each event reaches the client before the backend sends the next one")
def _(pair):
    pair.start()
    asked, served = pair.stream()
    for i in range(100):
        served.send(event(f"token {i}"))
        assert asked.read(len(event(f"token {i}"))) == event(f"token {i}")
    served.send(usage_event(11, 101) + DONE)
    served.finish()
    assert asked.read_to_end() == usage_event(11, 101) + DONE
    line = pair.sluice.access_log(1)[0]
    assert (line["events"], line["prompt_tokens"], line["completion_tokens"]) == (101, 11, 101), line


@scenario("a stream that the backend cuts ends with an error event and is visibly cut")
def _(pair):
    pair.start()
    asked, served = pair.stream()
    served.cut()
    rest = asked.read_to_cut()
    assert b"data: {\"error\":" in rest and b"[DONE]" not in rest, rest
    assert pair.sluice.access_log(1)[0]["error"] == "upstream_cut"
    pair.is_served(client=pair.another_client())


@scenario("an answer that the backend cuts is visibly cut, without another word")
def _(pair):
    pair.start()
    asked = pair.client.begin("GET")
    served = pair.backend.accept()
    served.begin(headers=TEXT, length=10)
    served.send(b"abc")
    assert asked.read_head().status == 200
    assert asked.read(3) == b"abc"
    served.cut()
    assert asked.read_to_cut() == b""
    assert pair.sluice.access_log(1)[0]["error"] == "upstream_cut"


@scenario("an answer that nobody reads costs its buffers, and arrives whole when it is read")
def _(pair):
    pair.start(timeouts={"between_tokens": "10m", "first_content": "10m"})
    pair.is_served()
    before = pair.sluice.resident_bytes()
    asked = pair.client.begin("GET")
    served = pair.backend.accept()
    served.begin(headers=TEXT, length=400 * len(PIECE))
    flood = threading.Thread(target=lambda: [served.send(PIECE) for _ in range(400)], daemon=True)
    flood.start()

    last, same = None, 0

    def quiet():
        nonlocal last, same
        now = [s["response_bytes"] for s in pair.sluice.streams()]
        same = same + 1 if now == last and any(now) else 0
        last = now
        return same >= 20
    pair.sluice.wait_until(quiet, "the answer has filled every buffer")
    grown = pair.sluice.resident_bytes() - before
    assert grown <= SLACK, f"the gateway has grown by {grown} bytes"
    assert asked.read_head().status == 200
    digest = hashlib.sha256()
    for _ in range(400):
        digest.update(asked.read(len(PIECE)))
    assert digest.digest() == hashlib.sha256(PIECE * 400).digest()
    flood.join(process.PATIENCE)
    assert not flood.is_alive()


# Clients that leave ------------------------------------------------------------------------------------------------


@scenario("a client that cancels while it sends its body ends the backend's work")
def _(pair):
    pair.start()
    asked = pair.client.begin(body=b"abc", whole=False)
    served = pair.backend.accept()
    assert served.read(3) == b"abc"
    asked.cancel()
    served.expect_cancelled()
    pair.gone()


@scenario("a client that cancels while it waits ends the backend's work")
def _(pair):
    pair.start()
    asked = pair.client.begin(body=PROMPT)
    served = pair.backend.accept()
    assert served.read_to_end() == PROMPT
    pair.sluice.wait_state("waiting")
    asked.cancel()
    served.expect_cancelled()
    pair.gone()


@scenario("a client that cancels while its answer streams ends the backend's work, and is served again")
def _(pair):
    pair.start()
    asked, served = pair.stream()
    asked.cancel()
    served.expect_cancelled()
    pair.gone()
    pair.is_served()


@scenario("a client that closes its connections ends all that it began")
def _(pair):
    pair.start()
    streams = [pair.stream() for _ in range(5)]
    for asked, _ in streams:
        asked.leave()
    for _, served in streams:
        served.expect_cancelled()
    pair.sluice.wait_idle()
    assert [line["error"] for line in pair.sluice.access_log(5)] == ["client_gone"] * 5
    pair.is_served(client=pair.another_client())


# Errors ----------------------------------------------------------------------------------------------------------


@scenario("what the gateway refuses is answered, and the next request is served")
def _(pair):
    routes = [{"match": {"path": {"prefix": "/v1/"}}, "clusters": [{"name": "models"}]}]
    pair.start(routes=routes, http={"max_body_bytes": "1000B"})
    refused(pair.client.begin("GET", "/nothing"), 404, "unknown_url")
    refused(pair.client.begin("GET", "/v1/" + "a" * 9000), 414, None)
    refused(pair.client.begin(body=b"x" * 1001), 413, "request_too_large")
    refused(pair.client.begin("BREW", "/v1/x"), 501, None)
    pair.is_served()


@scenario("a backend that gives an exchange up before its answer is a 502")
def _(pair):
    pair.start(retry={"attempts": 1})
    asked = pair.client.begin(body=PROMPT)
    served = pair.backend.accept()
    served.read_to_end()
    served.cut()
    refused(asked, 502, "upstream_reset")
    pair.is_served()


@scenario("a request that the backend refuses is tried again, with the same bytes")
def _(pair):
    pair.start(routes=[BY_MODEL[1]])
    asked = pair.client.begin(body=PROMPT)
    for last in (False, True):
        served = pair.backend.accept()
        assert served.read_to_end() == PROMPT
        served.answer(b"second") if last else served.refuse()
    assert asked.read_head().status == 200 and asked.read_to_end() == b"second"
    assert pair.sluice.metrics().sum("sluice_retries_total") == 1


@scenario("a backend that is not there is a 503")
def _(pair):
    pair.backend.stop_listening()
    pair.start(retry={"attempts": 1})
    refused(pair.client.begin(body=b"{}"), 503, "upstream_unavailable")


@scenario("a backend that says nothing is a 504, and is told to stop")
def _(pair):
    pair.start(timeouts={"first_content": "200ms"}, retry={"attempts": 1})
    asked = pair.client.begin(body=PROMPT)
    served = pair.backend.accept()
    served.read_to_end()
    refused(asked, 504, "upstream_timeout")
    served.expect_cancelled()
    pair.is_served()


# Operations --------------------------------------------------------------------------------------------------------


@scenario("SIGTERM lets running streams finish")
def _(pair):
    pair.start()
    streams = [pair.stream() for _ in range(3)]
    pair.sluice.signal(signal.SIGTERM)
    pair.sluice.wait_until(lambda: pair.sluice.page("/ready")[0] == 503, "the gateway drains")
    for asked, served in streams:
        served.send(DONE)
        served.finish()
        assert asked.read_to_end() == DONE
    assert pair.sluice.wait() == 0
    assert len(pair.sluice.access_log_of_the_ended()) == 3


@scenario("a stream keeps the configuration it began with, and the next request has the new one")
def _(pair):
    pair.start()
    other = backends.start(pair.t, pair.up)
    asked, served = pair.stream()
    assert pair.sluice.reload(pair.settings(other))["message"] == "configuration reloaded"
    served.send(event("second"))
    assert asked.read(len(event("second"))) == event("second")
    pair.is_served(other)
    served.send(DONE)
    served.finish()
    assert asked.read_to_end() == DONE


main()
