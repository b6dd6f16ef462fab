"""Requests whose forwarded bytes are known to the last one."""

import re

from .http import answer, openai_error

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

# A route that asks for a model reads the body before it chooses; one that does not passes it on as it comes.
BY_MODEL = [{"name": "good", "match": {"path": {"exact": "/v1/good"}}, "clusters": [{"name": "models"}]},
            {"name": "tiny", "match": {"path": {"prefix": "/"}, "model": "tiny"}, "clusters": [{"name": "models"}]}]


def forwarded(start, passed=(), *, host="h", request_id="r", body=b"", chunked=False, length=True):
    """The exact bytes of a request as the backend gets it; the span of traceparent is left as a blank to fill."""
    lines = [f"{start} HTTP/1.1", f"host: {host}", *passed, "via: 1.1 sluice", f"x-request-id: {request_id}",
             f"traceparent: 00-{TRACE_ID}-################-01", "x-forwarded-for: 127.0.0.1",
             "x-forwarded-proto: http"]
    if host:
        lines.append(f"x-forwarded-host: {host}")
    if chunked:
        lines.append("transfer-encoding: chunked")
    elif length:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def without_span(raw):
    return re.sub(rb"(?m)^(traceparent: 00-%s-)[0-9a-f]{16}-" % TRACE_ID.encode(), rb"\1################-", raw)


def head(start="POST /v1/x HTTP/1.1", *lines, host="h"):
    """A request's head with the given lines behind Host and the fields that make the forwarded bytes known."""
    known = [start, f"Host: {host}", "X-Request-Id: r", f"Traceparent: 00-{TRACE_ID}-b7ad6b7169203331-01"]
    if host is None:
        del known[1]
    return "\r\n".join([*known, *lines]).encode("latin-1") + b"\r\n\r\n"


def check_alone_upstream(t, upstream, sluice):
    """A good request is the first thing that the backend receives."""
    client = t.connect(sluice)
    client.send(head("GET /v1/good HTTP/1.1"))
    backend = upstream.accept()
    received = backend.read_request()
    assert without_span(received.raw) == forwarded("GET /v1/good", length=False), received.raw
    backend.send(answer(b"good"))
    assert client.read_response().body == b"good"
    assert upstream.nobody_waits()


SMUGGLED = head("GET /v1/SMUGGLED HTTP/1.1")


def check_all_refused(t, upstream, sluice, cases, statuses=(400,), behind=SMUGGLED):
    """Each case (what it is -> its bytes) is refused on a connection of its own, and the request behind it too: one
    error, then the end. The backend receives nothing of any of them, and each is one line of the access log."""
    assert cases
    before = len(sluice.access_lines())
    for what, raw in cases.items():
        client = t.connect(sluice)
        client.send(raw + behind)
        try:
            refused = client.read_response()
            assert refused.status in statuses, refused.raw
            assert openai_error(refused)["type"], refused.raw
            assert refused.get("connection") == "close", refused.raw
            client.expect_end()
        except (AssertionError, EOFError) as failure:
            raise AssertionError(f"{what}, {raw!r}: {failure}") from failure
        client.leave()
    lines = sluice.access_log(before + len(cases))[before:]
    assert all(line["status"] in statuses and line["fault"] == "downstream" for line in lines), lines
    check_alone_upstream(t, upstream, sluice)
