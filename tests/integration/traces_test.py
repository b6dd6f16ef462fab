#!/usr/bin/python3
"""Spans over OTLP: what a collector receives, which exchanges are exported, and what a dead collector costs."""

import json

from harness import gateway, process
from harness.http import DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request, usage_event
from harness.suite import main, test

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def sampled(flag):
    return [("Traceparent", f"00-{TRACE}-{SPAN}-0{flag}")]


def traces(collector, **settings):
    return {"traces": {"otlp": f"http://{collector.address}", "interval": "20ms", "sample": "0%"} | settings}


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}


def spans(collector):
    """Every span that the collector has got, in order."""
    found = []
    for export in list(collector.requests):
        assert export.method == "POST" and export.target == "/v1/traces", export.start_line
        assert export.get("content-type") == "application/json"
        for resource in json.loads(export.body)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                found += scope["spans"]
    return found


def collector(t, reply=answer(b"{}")):
    return t.serving(lambda _, connection: connection.send(reply))


# Closed after each answer, so that every exchange opens a connection of its own.
CLOSING = answer(b"{}", headers=(("Content-Type", "application/json"), ("Connection", "close")))


def exchange(t, sluice, upstream, answers=CLOSING, **asked):
    client = t.connect(sluice)
    client.send(request(**({"body": chat()} | asked)))
    backend = upstream.accept()
    got = backend.read_request()
    backend.send(answers)
    client.read_response()
    return got


@test("a streamed exchange becomes a server span below the client's, with its phases as children")
def _(t):
    upstream, otlp = t.upstream(), collector(t)
    by_model = [{"name": "all", "match": {"path": {"prefix": "/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]
    sluice = t.gateway(gateway.config([upstream.address], routes=by_model, observability=traces(otlp)))
    events = EVENTS_HEAD + chunk(event("secret answer")) + chunk(usage_event(5, 1)) + chunk(DONE) + LAST_CHUNK
    got = exchange(t, sluice, upstream, events, path="/v1/chat/completions?key=secret", headers=sampled(1),
                   body=chat(stream=True, user="secret"))
    sluice.wait_until(lambda: spans(otlp), "the collector has spans")
    server, *phases = spans(otlp)
    assert (server["traceId"], server["parentSpanId"], server["kind"]) == (TRACE, SPAN, 2), server
    assert got.get("traceparent") == f"00-{TRACE}-{server['spanId']}-01"
    assert server["name"] == "POST /v1/chat/completions" and "status" not in server
    told = attributes(server)
    expected = {"http.request.method": "POST", "http.response.status_code": "200", "gen_ai.operation.name": "chat",
                "url.path": "/v1/chat/completions", "gen_ai.request.model": "tiny",
                "gen_ai.usage.input_tokens": "5", "gen_ai.usage.output_tokens": "1", "sluice.route": "all",
                "sluice.cluster": "models", "sluice.endpoint": upstream.address, "sluice.attempts": "1"}
    assert expected.items() <= told.items(), told
    assert [p["name"] for p in phases] == ["queue", "connect", "time_to_first_token", "stream"], phases
    edges = [int(server["startTimeUnixNano"])]
    for phase in phases:
        assert (phase["traceId"], phase["parentSpanId"]) == (TRACE, server["spanId"]), phase
        edges += [int(phase["startTimeUnixNano"]), int(phase["endTimeUnixNano"])]
    assert edges == sorted(edges) and edges[-1] <= int(server["endTimeUnixNano"]), edges
    assert all(b"secret" not in export.raw for export in otlp.requests)
    resource = json.loads(otlp.requests[0].body)["resourceSpans"][0]["resource"]
    assert attributes(resource)["service.name"] == "sluice"
    assert sluice.metrics().sum("sluice_trace_exports_total", result="ok") >= 1


@test("the client's flag decides, and the share where there is none; the backend is told")
def _(t):
    upstream, otlp = t.upstream(), collector(t)
    none = t.gateway(gateway.config([upstream.address], observability=traces(otlp)))
    every = t.gateway(gateway.config([upstream.address], observability=traces(otlp, sample="100%")))
    assert exchange(t, none, upstream).get("traceparent").endswith("-00")
    assert exchange(t, every, upstream, headers=sampled(0)).get("traceparent").endswith("-00")
    wanted = exchange(t, every, upstream).get("traceparent")
    assert wanted.endswith("-01")
    every.wait_until(lambda: spans(otlp), "the collector has spans")
    # What is exported last comes last: had one of the others been, it would be there by now.
    exchange(t, every, upstream, headers=sampled(1))
    every.wait_until(lambda: spans(otlp)[-1]["traceId"] == TRACE, "the last exchange is exported")
    assert [s["traceId"] for s in spans(otlp) if s["kind"] == 2] == [wanted.split("-")[1], TRACE]


@test("an exchange that was slow is exported whatever the share")
def _(t):
    upstream, otlp = t.upstream(), collector(t)
    sluice = t.gateway(gateway.config([upstream.address], observability=traces(otlp, slow="0ms")))
    exchange(t, sluice, upstream)
    sluice.wait_until(lambda: spans(otlp), "the collector has spans")
    assert spans(otlp)[0]["flags"] & 1 == 0


@test("a failed exchange is an error of its span")
def _(t):
    upstream, otlp = t.upstream(), collector(t)
    upstream.stop_listening()
    sluice = t.gateway(gateway.config([upstream.address], observability=traces(otlp)))
    client = t.connect(sluice)
    client.send(request(body=chat(), headers=sampled(1)))
    assert client.read_response().status == 503
    sluice.wait_until(lambda: spans(otlp), "the collector has spans")
    server = spans(otlp)[0]
    assert server["status"] == {"code": 2} and attributes(server)["error.type"] == "connect_failed", server


@test("a dead collector and a refusing one cost no client anything and are counted")
def _(t):
    upstream, dead, refusing = t.upstream(), t.upstream(), collector(t, answer(status="400 Bad Request"))
    dead.stop_listening()
    first = t.gateway(gateway.config([upstream.address], observability=traces(dead, queue=1, batch=1)))
    second = t.gateway(gateway.config([upstream.address], observability=traces(refusing)))
    for _ in range(4):
        exchange(t, first, upstream, headers=sampled(1))
    exchange(t, second, upstream, headers=sampled(1))
    first.wait_until(lambda: first.metrics().sum("sluice_trace_exports_total", result="failed"), "an export failed")
    second.wait_until(lambda: second.metrics().sum("sluice_traces_dropped_total", reason="refused") == 1,
                      "the refused exchange is counted")
    assert first.metrics().sum("sluice_traces_dropped_total", reason="queue_full") >= 1


@test("what is queued when the process ends is still sent")
def _(t):
    upstream, otlp = t.upstream(), collector(t)
    sluice = t.gateway(gateway.config([upstream.address], observability=traces(otlp, interval="1h")))
    exchange(t, sluice, upstream, headers=sampled(1))
    sluice.access_log(1)
    assert not otlp.requests
    sluice.stop()
    assert spans(otlp)[0]["traceId"] == TRACE


@test("a collector without a port is refused when the configuration is loaded")
def _(t):
    settings = gateway.config(["127.0.0.1:9"], observability={"traces": {"otlp": "http://collector"}})
    file = t.folder / "sluice.yaml"
    file.write_text(json.dumps(settings))
    checked = t.program(process.BIN / "sluice", "--config", file)
    assert checked.wait() != 0
    assert "observability.traces.otlp" in checked.stderr, checked.stderr


main()
