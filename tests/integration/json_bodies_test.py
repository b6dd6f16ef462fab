#!/usr/bin/python3
"""JSON bodies that two parsers could read in two ways, or that cost too much: refused before a backend sees them. And
what a body says beside the model chooses nothing."""

import json

from harness import gateway
from harness.framing import BY_MODEL, forwarded, head, without_span
from harness.http import answer, chat, openai_error, request
from harness.suite import main, test


def deep(levels):
    """A body whose containers nest this deep, its own braces included."""
    return b"{\"model\":\"tiny\",\"x\":" + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def members(count):
    return b"{\"model\":\"tiny\"" + b"".join(b",\"m%d\":0" % i for i in range(count - 1)) + b"}"


def refused(sentence, bodies, *, code=None, headers=(), status=400):
    """Each body is refused with OpenAI's error; its connection is sound, so the next request goes on it. The backend
    receives that one and nothing before it."""
    @test(sentence)
    def _(t):
        upstream = t.upstream()
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
        client = t.connect(sluice)
        for body in bodies:
            body = body if isinstance(body, bytes) else body.encode()
            client.send(request(path="/v1/x", body=body, headers=headers))
            answered = client.read_response()
            assert answered.status == status, (body[:200], answered.raw)
            error = openai_error(answered)
            assert error["type"] == "invalid_request_error", (body[:200], error)
            assert code is None or error["code"] == code, (body[:200], error)
            # An error tells the place and the member, never what stands there.
            assert "SECRET" not in answered.raw.decode(), answered.raw
        lines = sluice.access_log(len(bodies))
        assert all((line["status"], line["fault"]) == (status, "downstream") for line in lines), lines
        assert b"SECRET" not in b"".join(sluice.access_lines())
        client.send(head("GET /v1/good HTTP/1.1"))
        backend = upstream.accept()
        got = without_span(backend.read_request().raw)
        assert got == forwarded("GET /v1/good", length=False), got
        backend.send(answer(b"good"))
        assert client.read_response().body == b"good" and upstream.nobody_waits()


def passes(sentence, bodies):
    """Each body reaches the backend byte for byte."""
    @test(sentence)
    def _(t):
        upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
        sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
        client = t.connect(sluice)
        for body in bodies:
            body = body if isinstance(body, bytes) else body.encode()
            client.send(head("POST /v1/x HTTP/1.1", f"Content-Length: {len(body)}") + body)
            assert client.read_response().status == 200, body[:200]
            got = without_span(upstream.requests[-1].raw)
            assert got == forwarded("POST /v1/x", body=body), got[:500]
        assert len(upstream.requests) == len(bodies)


# Members -----------------------------------------------------------------------------------------------------------

refused("a member that is there twice is refused, however it is written the second time", [
    '{"model":"tiny","model":"tiny"}', '{"model":"tiny","model":"other"}', '{"model":"other","model":"tiny"}',
    '{"model":"tiny","mo\\u0064el":"other"}', '{"\\u006dodel":"other","model":"tiny"}', '{"model":"tiny","\\u006D\\u006fdel":"SECRET"}',
    '{"model":null,"model":"tiny"}', '{"model":"tiny","model":null}', '{"model":"tiny","stream":false,"stream":true}',
    '{"model":"tiny","max_tokens":1,"max_tokens":100000}', '{"model":"tiny","messages":[],"messages":[{"SECRET":1}]}',
    '{"model":"tiny","x":1,"y":2,"x":3}', '{"model":"tiny","":1,"":2}', '{"model":"tiny","\\u0000":1,"\\u0000":2}',
    '{"model":"tiny","a\\/b":1,"a/b":2}', '{"model":"tiny","\\ud83d\\ude00":1,"😀":2}',
    '{"model":"tiny","n":1,"user":"u","n":1}',
    '{"model":"tiny","stream_options":{"include_usage":true,"include_usage":false}}',
    '{"model":"tiny","stream_options":{},"stream_options":{}}',
    '{' + ",".join(f'"m{i}":0' for i in range(120)) + ',"model":"tiny","m7":1}',
])
refused("the model's name in another case is refused: parsers that ignore case would take it for the model", [
    '{"Model":"tiny"}', '{"MODEL":"tiny"}', '{"model":"tiny","Model":"other"}', '{"mOdEl":"other","model":"tiny"}',
    '{"model":"tiny","\\u004dodel":"SECRET"}', '{"model":"tiny","Model":null}', '{"model":"tiny","MODEL":{"model":"x"}}'])
refused("a name that only looks like the model's is none", [
    '{"model ":"tiny"}', '{" model":"tiny"}', '{"model\\u0000":"tiny"}', '{"mod\\u0435l":"tiny"}', '{"messages":{"model":"tiny"}}',
    '{"x":"\\"model\\":\\"tiny\\""}'])
refused("another model than a route's is 404, also where it only looks like it", [
    '{"model":"tiny "}', '{"model":" tiny"}', '{"model":"Tiny"}', '{"model":"tiny\\u0000"}', '{"model":"tiny\\n"}',
    '{"model":"t\\u0131ny"}', '{"model":"./tiny"}', '{"model":"tiny/../tiny"}', '{"model":"tiny%20"}',
    '{"model":"http://127.0.0.1:1/tiny"}', '{"model":"https://evil.example/v1"}', '{"model":"openai/tiny"}'],
    code="model_not_found", status=404)
passes("names that only look like a member that is read pass, the route is chosen by the exact one", [
    '{"model":"tiny","model ":"y","model\\u0000":"z","models":"a","Temperature":1,"temperature":2}',
    '{"model":"t\\u0069ny","x":{"model":"other"},"y":["model",{"model":1}]}'])
refused("a member that is read and has another type is refused", [
    '{"model":5}', '{"model":["tiny"]}', '{"model":{"x":"tiny"}}', '{"model":true}', '{"model":"tiny","stream":"yes"}',
    '{"model":"tiny","stream":1}', '{"model":"tiny","max_tokens":"SECRET"}', '{"model":"tiny","max_tokens":1.5}',
    '{"model":"tiny","max_tokens":-1}', '{"model":"tiny","max_tokens":true}', '{"model":"tiny","n":0}',
    '{"model":"tiny","n":[1]}', '{"model":"tiny","stream_options":[]}', '{"model":"tiny","stream_options":"x"}',
    '{"model":"tiny","stream_options":{"include_usage":1}}'])

# Sizes -------------------------------------------------------------------------------------------------------------

passes("containers may nest 64 deep, and a body may have 128 members", [deep(64), members(128)])
refused("deeper nesting is refused, whatever its length", [
    deep(65), deep(66), deep(10_000), deep(1_000_000), b"[" * 1_000_000, b"{\"a\":" * 200_000,
    b"{\"model\":\"tiny\",\"x\":" + b"[{\"a\":" * 100_000])
refused("more members are refused, and their number does not count twice", [members(129), members(10_000), members(200_000)])
DIGITS = "9" * 200_000
refused("a number that is read is refused beyond its range, however long it is", [
    f'{{"model":"tiny","{name}":{value}}}' for name in ("max_tokens", "max_completion_tokens", "n") for value in (
        "2147483648", "9223372036854775808", "18446744073709551616", "1e10", "1E400", DIGITS, f"-{DIGITS}", f"0.{DIGITS}",
        f"1e{DIGITS}", f"{DIGITS}e-{DIGITS}", "0x10", "1_000", "+1", "01", "1.", ".5", "-", "NaN", "Infinity", "-Infinity")])
passes("a number that nothing here reads is the backend's to judge, and keeps every digit", [
    f'{{"model":"tiny","temperature":0.{"1" * 1000},"seed":{"9" * 1000},"x":[1e400,-0.0,1E+2]}}'])

# Bytes -------------------------------------------------------------------------------------------------------------

INVALID = {
    "a continuation byte alone": b"\x80", "a leading byte alone": b"\xc3", "an overlong slash": b"\xc0\xaf",
    "an overlong quote": b"\xc0\xa2", "an overlong quote of three bytes": b"\xe0\x80\xa2", "an overlong NUL": b"\xc0\x80",
    "a surrogate": b"\xed\xa0\x80", "a pair of surrogates": b"\xed\xa0\xbd\xed\xb8\x80", "a code point too large": b"\xf4\x90\x80\x80",
    "five bytes": b"\xf8\x88\x80\x80\x80", "0xff": b"\xff", "a sequence that is cut": b"\xe2\x82", "Latin-1": b"\xe9",
}
refused("invalid UTF-8 is refused at every place", [
    template.replace(b"@", bad) for bad in INVALID.values() for template in (
        b"{\"model\":\"tiny@\"}", b"{\"model@\":\"tiny\"}", b"{\"model\":\"tiny\",\"x\":\"@\"}", b"{\"model\":\"tiny\",\"@\":1}",
        b"{\"model\":\"tiny\",\"messages\":[{\"content\":\"SECRET @\"}]}", b"{\"model\":\"tiny\"}@", b"@{\"model\":\"tiny\"}",
        b"{\"model\":\"tiny\",@\"x\":1}")])
refused("control characters in texts are refused, escapes in the name of a model must be escapes", [
    *(b"{\"model\":\"ti%cny\"}" % code for code in range(0x20)), *(b"{\"mo%cdel\":\"tiny\"}" % code for code in range(0x20)),
    rb'{"model":"ti\xny"}', rb'{"model":"ti\u00"}', rb'{"model":"ti\u00zz"}', rb'{"model":"ti\ud800"}', rb'{"model":"\udc00ti"}',
    rb'{"model":"\ud800\u0041"}', b'{"model":"tiny\\', b'{"model":"tiny\\"}'])
refused("what is no object, or no JSON, or has something behind it, is refused", [
    "", " ", "null", "true", "0", '"model"', "[]", '[{"model":"tiny"}]', "{", "}", "{}}", '{"model":"tiny"', '{"model":"tiny"}}',
    '{"model":"tiny"}{"model":"other"}', '{"model":"tiny"} x', '{"model":"tiny"}\0', '\ufeff{"model":"tiny"}', "{'model':'tiny'}",
    '{model:"tiny"}', '{"model":"tiny",}', '{,"model":"tiny"}', '{"model" "tiny"}', '{"model":}', '{"model":"tiny" "x":1}',
    '{"model":"tiny"}//x', '/*x*/{"model":"tiny"}', '{"model":"tiny",/*x*/"y":1}', '{"model":"tiny"}\n{"model":"other"}',
    '{"model":"tiny","x":[1,]}', '{"model":"tiny","x":[}', '{"model":"tiny","x":{]}', '{"model":"tiny","x":tru}',
    '{"model":"tiny","x":nulll}', '{"model":"tiny","x":undefined}', '{"model":"tiny";"x":1}', "model=tiny", "<model>tiny</model>",
    '{"model":"tiny"}'.encode("utf-16-le"), '{"model":"tiny"}'.encode("utf-16"), '{"model":"tiny"}'.encode("utf-32-le"),
    '{\u00a0"model":"tiny"}', '{"model":"tiny"}\v'])
for coding in ("gzip", "GZIP", "deflate", "br", "zstd", "identity", "x", "gzip, gzip", ""):
    refused(f"a body with the Content-Encoding {coding!r} that must be read is 415, unread", [b"\x1f\x8b\x08\x00SECRET"],
            headers=[("Content-Encoding", coding)], status=415)

# What a body may not choose ------------------------------------------------------------------------------------------

ELSEWHERE = ("api_base", "base_url", "api_url", "url", "endpoint", "host", "upstream", "cluster", "target", "proxy", "azure_endpoint",
             "api_key", "api_version", "custom_llm_provider", "provider", "deployment", "route", "fallbacks", "headers",
             "extra_headers", "extra_body", "metadata", "user_config", "litellm_params", "model_list", "mock_response")
ELSEWHERE_FIELDS = ("X-Base-Url", "X-Api-Base", "X-Upstream", "X-Cluster", "X-Sluice-Cluster", "X-Sluice-Endpoint", "X-Target-Url",
                    "X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url", "X-Host", "X-Forwarded-Server", "Forwarded")


@test("no member of a body and no field chooses a backend's address: everything goes where the configuration says")
def _(t):
    upstream = t.serving(lambda _r, c: c.send(answer(b"ok")))
    elsewhere = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address], routes=BY_MODEL))
    client = t.connect(sluice)
    url = f"http://{elsewhere.address}/v1"
    values = [url, elsewhere.address, {"url": url, "base_url": url}, [url]]
    bodies = [chat(**{name: value}) for name in ELSEWHERE for value in values]
    bodies.append(chat(**{name: url for name in ELSEWHERE}))
    for body in bodies:
        raw = json.dumps(body).encode()
        client.send(head("POST /v1/x HTTP/1.1", f"Content-Length: {len(raw)}", *(f"{f}: {url}" for f in ELSEWHERE_FIELDS),
                         host=elsewhere.address) + raw)
        assert client.read_response().status == 200, body
        assert upstream.requests[-1].body == raw, upstream.requests[-1].raw
    client.send(head(f"POST {url}/x?api_base={url} HTTP/1.1", "Content-Length: 16") + b"{\"model\":\"tiny\"}")
    assert client.read_response().status == 200
    assert len(upstream.requests) == len(bodies) + 1
    assert elsewhere.nobody_waits(), "somebody was led elsewhere"


main()
