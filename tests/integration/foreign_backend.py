#!/usr/bin/python3
"""A backend that is neither vLLM nor the bundled worker: FastAPI and uvicorn, OpenAI's shapes and OpenAI's errors.

    foreign_backend.py LISTENING_FD

Its answers are a function of the request: the last message's words, over and over, up to max_tokens of them. The
fields it adds for tests: `hold: N` stops after N tokens until the client has left; `blob: N` makes each token N bytes.
/state counts what runs, what ended and whose client left."""

import asyncio
import itertools
import json
import socket
import sys

import fastapi
import uvicorn
from fastapi.responses import JSONResponse, StreamingResponse

MODEL = "tiny"

app = fastapi.FastAPI()
state = {"running": 0, "completed": 0, "disconnected": 0}


class Refused(Exception):
    def __init__(self, status, message, param=None, code=None):
        self.status, self.message, self.param, self.code = status, message, param, code


@app.exception_handler(Refused)
async def refuse(_, refused):
    return JSONResponse({"error": {"message": refused.message, "type": "invalid_request_error", "param": refused.param,
                                   "code": refused.code}}, refused.status)


def check(body):
    if not isinstance(body, dict):
        raise Refused(400, "We could not parse the JSON body of your request.")
    if body.get("model") != MODEL:
        raise Refused(404, f"The model `{body.get('model')}` does not exist.", "model", "model_not_found")
    for name, kinds in (("temperature", (int, float)), ("max_tokens", int), ("stream", bool), ("n", int)):
        value = body.get(name)
        if value is not None and (not isinstance(value, kinds) or (kinds is not bool and isinstance(value, bool))):
            raise Refused(400, f"Invalid type for '{name}'.", name, "invalid_type")
    if (body.get("temperature") or 0) > 2:
        raise Refused(400, "Invalid 'temperature': above 2.", "temperature", "decimal_above_max_value")


async def json_of(request):
    try:
        return await request.json()
    except ValueError:
        raise Refused(400, "We could not parse the JSON body of your request.") from None


def tokens_of(prompt, body):
    words = itertools.cycle(prompt.split() or ["nothing"])
    size = body.get("blob", 0)
    return [next(words).ljust(size, "x") + " " for _ in range(body.get("max_tokens") or 16)]


class Running:
    """Counts a request while it runs, and how it ended."""

    def __enter__(self):
        state["running"] += 1
        self.completed = False
        return self

    def __exit__(self, *_):
        state["running"] -= 1
        state["completed" if self.completed else "disconnected"] += 1


async def until_the_client_leaves(request):
    while not await request.is_disconnected():
        await asyncio.sleep(0.01)


def usage_of(prompt, tokens):
    count = len(prompt.split())
    return {"prompt_tokens": count, "completion_tokens": len(tokens), "total_tokens": count + len(tokens)}


def sse(value):
    return "data: " + json.dumps(value, separators=(",", ":")) + "\n\n"


async def events(request, body, prompt, frame, first):
    """`frame(text, finish_reason)` makes a choice; `first` is sent before the tokens."""
    head = {"id": "chatcmpl-1", "object": first["object"], "created": 1, "model": MODEL}
    tokens = tokens_of(prompt, body)
    with Running() as running:
        if first["choice"]:
            yield sse(head | {"choices": [first["choice"]]})
        for i, token in enumerate(tokens):
            if body.get("hold") == i:
                await until_the_client_leaves(request)
                return
            yield sse(head | {"choices": [frame(token, "length" if i + 1 == len(tokens) else None)]})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield sse(head | {"choices": [], "usage": usage_of(prompt, tokens)})
        yield "data: [DONE]\n\n"
        running.completed = True


async def answer(request, body, prompt, kind, choice):
    with Running() as running:
        if "hold" in body:
            await until_the_client_leaves(request)
            return JSONResponse({})
        tokens = tokens_of(prompt, body)
        running.completed = True
        return JSONResponse({"id": "chatcmpl-1", "object": kind, "created": 1, "model": MODEL,
                             "choices": [choice("".join(tokens))], "usage": usage_of(prompt, tokens)})


@app.get("/health")
async def health():
    return fastapi.Response()


@app.get("/state")
async def show_state():
    return state


@app.get("/v1/models")
async def models():
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 1, "owned_by": "tests"}]}


@app.post("/v1/chat/completions")
async def chat(request: fastapi.Request):
    body = await json_of(request)
    check(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "Invalid type for 'messages': expected an array with elements.", "messages", "invalid_type")
    prompt = messages[-1]["content"]
    if body.get("stream"):
        return StreamingResponse(
            events(request, body, prompt,
                   lambda text, end: {"index": 0, "delta": {"content": text}, "finish_reason": end},
                   {"object": "chat.completion.chunk",
                    "choice": {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}}),
            media_type="text/event-stream")
    return await answer(request, body, prompt, "chat.completion", lambda text: {
        "index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "length"})


@app.post("/v1/completions")
async def completions(request: fastapi.Request):
    body = await json_of(request)
    check(body)
    prompt = body.get("prompt")
    if not isinstance(prompt, str):
        raise Refused(400, "Invalid type for 'prompt': expected a string.", "prompt", "invalid_type")
    if body.get("stream"):
        return StreamingResponse(
            events(request, body, prompt, lambda text, end: {"index": 0, "text": text, "finish_reason": end},
                   {"object": "text_completion", "choice": None}), media_type="text/event-stream")
    return await answer(request, body, prompt, "text_completion",
                        lambda text: {"index": 0, "text": text, "finish_reason": "length"})


if __name__ == "__main__":
    listener = socket.socket(fileno=int(sys.argv[1]))
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_keep_alive=5)).run(sockets=[listener])
