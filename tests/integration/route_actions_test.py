#!/usr/bin/python3
"""What routes do with requests beside sending them on: aliases, edits, local answers, other APIs, model lists."""

import json
import random
import subprocess

from harness import gateway, process
from harness.http import answer, chat, request
from harness.suite import main, test


def echo(request_seen, connection):
    """Answers with what arrived."""
    body = request_seen.body.decode()
    seen = {"start": request_seen.start_line, "body": body, "host": request_seen.get("host"),
            "x-caller": request_seen.get("x-caller"), "cookie": request_seen.get("cookie")}
    connection.send(answer(json.dumps(seen).encode(), headers=(("Content-Type", "application/json"), ("Server", "uvicorn"))))


def one_route(t, backend, **route):
    route.setdefault("match", {"path": {"prefix": "/"}})
    clusters = [{"name": "models", "endpoints": [{"address": backend.address}]}]
    return t.gateway(gateway.config(clusters=clusters, routes=[route]))


def ask(t, sluice, raw):
    client = t.connect(sluice)
    client.send(raw)
    return client.read_response()


@test("a model is asked for under one name and served under another, and no other byte changes")
def _(t):
    sluice = one_route(t, t.serving(echo), match={"path": {"prefix": "/v1/"}, "model": "chat"},
                       clusters=[{"name": "models", "served_as": "org/chat-7b"}])
    body = b"{ \"a\":1.50, \"model\" : \"chat\",\"messages\":[ ] }"
    answered = ask(t, sluice, request(body=body))
    assert json.loads(answered.body)["body"] == body.decode().replace("\"chat\"", "\"org/chat-7b\"")


class Bodies:
    """JSON requests made by chance: the bytes before the model's name, as it is written, and those behind."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def space(self):
        return "".join(self.random.choices(" \t\r\n", k=self.random.choice((0, 0, 0, 1, 3))))

    def text(self):
        alphabet = ["a", "model", "chat", " ", "\\\"", "\\\\", "\\u0063hat", "\\n", "é", "漢", "\U0001f600", "\\ud83d\\ude00", "{", "]", ":", ","]
        return '"' + "".join(self.random.choices(alphabet, k=self.random.randrange(6))) + '"'

    def value(self, depth=0):
        kind = self.random.randrange(8 if depth < 4 else 5)
        if kind < 3:
            return self.random.choice(["0", "-1.50", "1e400", "123456789012345678901234567890", "true", "false", "null"])
        if kind < 5:
            return self.text()
        if kind == 5:
            return "[" + ",".join(self.value(depth + 1) for _ in range(self.random.randrange(4))) + self.space() + "]"
        # Members named like those that the gateway reads mean nothing in here.
        names = self.random.sample(["model", "stream", "x", "messages"], self.random.randrange(4))
        return "{" + ",".join(f'{self.space()}"{n}"{self.space()}:{self.value(depth + 1)}' for n in names) + "}"

    def make(self):
        name = self.random.choice(['"model"', '"mo\\u0064el"'])
        written = self.random.choice(['"chat"', '"\\u0063hat"', '"ch\\u0061t"'])
        members = [f'{self.space()}"k{i}{self.random.randrange(9)}"{self.space()}:{self.space()}{self.value()}{self.space()}'
                   for i in range(self.random.randrange(8))]
        at = self.random.randrange(len(members) + 1)
        before = "".join(m + "," for m in members[:at]) + f"{self.space()}{name}{self.space()}:{self.space()}"
        behind = self.space() + "".join("," + m for m in members[at:])
        return (f"{self.space()}{{{before}".encode(), written.encode(), f"{behind}}}{self.space()}".encode())


@test("of 1,000 bodies made by chance an alias changes the model's value and no other byte")
def _(t):
    backend = t.serving(lambda r, c: c.send(answer(r.body)))
    sluice = one_route(t, backend, match={"path": {"prefix": "/v1/"}, "model": "chat"},
                       clusters=[{"name": "models", "served_as": "org/chat-7b"}])
    bodies = Bodies(20261126)
    client = t.connect(sluice)
    for i in range(1000):
        before, written, behind = bodies.make()
        client.send(request(body=before + written + behind))
        answered = client.read_response()
        assert answered.status == 200, (i, before + written + behind, answered.raw)
        assert answered.body == before + b'"org/chat-7b"' + behind, (i, before + written + behind, answered.body)


@test("a plain JSON service is routed without a look into its bodies")
def _(t):
    sluice = one_route(t, t.serving(echo), api="http", match={"path": {"prefix": "/predict"}, "methods": ["POST"]},
                       clusters=[{"name": "models"}],
                       request={"path_prefix": "/v2/infer", "host": "predictor.internal",
                                "headers": {"remove": ["cookie"], "set": [{"name": "x-caller", "value": "sluice"}]},
                                "query": {"set": [{"name": "format", "value": "json"}]}})
    answered = ask(t, sluice, request(path="/predict/x?a=1", body=b"[not json", headers=[("Cookie", "s=1")]))
    assert answered.status == 200, answered.raw
    seen = json.loads(answered.body)
    assert seen == {"start": "POST /v2/infer/x?a=1&format=json HTTP/1.1", "body": "[not json",
                    "host": "predictor.internal", "x-caller": "sluice", "cookie": None}, seen
    refused = ask(t, sluice, request("GET", "/predict"))
    assert refused.status == 405 and refused.get("allow") == "POST", refused.raw


@test("an error on a route of another API is plain JSON")
def _(t):
    backend = t.serving(echo)
    sluice = one_route(t, backend, api="http", match={"path": {"prefix": "/"}, "members": [{"name": "a", "values": ["1"]}]},
                       clusters=[{"name": "models"}])
    answered = ask(t, sluice, request(path="/x", body=b"{\"a\":2}", headers=[("X-Request-Id", "r-1")]))
    assert answered.status == 404, answered.raw
    error = json.loads(answered.body)["error"]
    assert error == {"kind": "route_not_found", "message": error["message"], "request_id": "r-1"}, error
    assert ask(t, sluice, request(path="/x", body=b"{\"a\":1,\"n\":\"many\"}")).status == 200
    assert len(backend.requests) == 1


@test("headers of answers are edited")
def _(t):
    sluice = one_route(t, t.serving(echo), clusters=[{"name": "models"}],
                       response={"headers": {"remove": ["server"], "set": [{"name": "x-frame-options", "value": "DENY"}]}})
    answered = ask(t, sluice, request(body=chat()))
    assert answered.get("server") is None and answered.get("x-frame-options") == "DENY", answered.raw


@test("direct answers and redirects need no backend")
def _(t):
    backend = t.serving(echo)
    clusters = [{"name": "models", "endpoints": [{"address": backend.address}]}]
    routes = [{"match": {"path": {"exact": "/healthz"}}, "respond": {"status": 200, "body": "ok"}},
              {"match": {"path": {"prefix": "/old"}}, "redirect": {"path_prefix": "/v1"}},
              {"match": {"path": {"prefix": "/"}}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config(clusters=clusters, routes=routes))
    client = t.connect(sluice)
    client.send(request("GET", "/healthz"))
    assert client.read_response().body == b"ok"
    client.send(request(path="/old/chat?a=1", body=chat()))
    moved = client.read_response()
    assert (moved.status, moved.get("location")) == (308, "/v1/chat?a=1"), moved.raw
    assert not backend.requests


@test("the list of models is the union of what clusters serve and routes accept, also while one is down")
def _(t):
    def listing(*ids):
        body = json.dumps({"object": "list", "data": [{"id": i, "object": "model"} for i in ids]}).encode()
        return lambda _request, connection: connection.send(answer(body))

    a, b = t.serving(listing("m-2", "m-1")), t.serving(listing("m-3", "m-1"))
    clusters = [{"name": "a", "endpoints": [{"address": a.address}]}, {"name": "b", "endpoints": [{"address": b.address}]},
                {"name": "down", "endpoints": [{"address": f"127.0.0.1:{process.free_port()}"}]}]
    routes = [{"match": {"path": {"exact": "/v1/models"}, "methods": ["GET"]}, "list_models": True},
              {"match": {"path": {"prefix": "/v1/"}, "model": "alias"}, "clusters": [{"name": "a"}, {"name": "down"}]}]
    sluice = t.gateway(gateway.config(clusters=clusters, routes=routes))
    answered = ask(t, sluice, request("GET", "/v1/models", headers=[("Authorization", "Bearer secret")]))
    listed = json.loads(answered.body)
    assert listed["object"] == "list" and [m["id"] for m in listed["data"]] == ["alias", "m-1", "m-2", "m-3"], listed
    assert all(m["object"] == "model" for m in listed["data"])
    assert a.requests[0].get("authorization") is None


@test("the configuration explains itself")
def _(t):
    example = process.SOURCE / "config" / "examples" / "routing.yaml"
    said = subprocess.run([process.BIN / "sluice", "explain", "--config", example, "--request", "POST /v1/completions",
                           "-H", "x-tenant: eu-1", "--body", '{"model":"x","service_tier":"flex"}'],
                          capture_output=True, text=True, check=True)
    explained = json.loads(said.stdout)
    assert explained["route"] == "batch" and explained["timeouts"]["first_content"] == "5m", explained
    assert {"route": "chat", "because_of": "model"} in explained["passed_over"], explained


main()
