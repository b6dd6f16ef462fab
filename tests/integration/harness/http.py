"""Requests and answers as bytes."""

import json


def request(method="POST", path="/v1/chat/completions", body=None, headers=(), host="gateway"):
    """A request as a careful client would send it. `body` is bytes or something to be sent as JSON."""
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chat(model="tiny", stream=False, **fields):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream} | fields


def answer(body=b"{}", status="200 OK", headers=(("Content-Type", "application/json"),)):
    """An answer with Content-Length."""
    lines = [f"HTTP/1.1 {status}"] + [f"{n}: {v}" for n, v in headers] + [f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


EVENTS_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(content):
    """A chat chunk as vLLM writes it, as one SSE event."""
    return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny",
                                   "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]},
                                  separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def usage_event(prompt, completion):
    return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "tiny",
                                   "choices": [], "usage": {"prompt_tokens": prompt,
                                                            "total_tokens": prompt + completion,
                                                            "completion_tokens": completion}},
                                  separators=(",", ":")).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def openai_error(response):
    """The error object of an answer in OpenAI's shape, checked for its shape."""
    assert response.get("content-type") == "application/json", response
    error = json.loads(response.body)
    assert list(error) == ["error"], error
    assert set(error["error"]) == {"message", "type", "param", "code"}, error
    assert isinstance(error["error"]["message"], str) and error["error"]["message"], error
    assert isinstance(error["error"]["type"], str), error
    return error["error"]
