"""The loads of perf/compare: wrk for requests, raw sockets for event streams. All on processor 0, loopback only."""
import json
import re
import selectors
import socket
import subprocess
import tempfile

LOAD_CPU = "0"
EVENT = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" word"}}]}\n\n'


def body(prompt_bytes):
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x" * prompt_bytes}]})


def _script(prompt_bytes):
    file = tempfile.NamedTemporaryFile("w", suffix=".lua")
    file.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
               f"wrk.body = [[{body(prompt_bytes)}]]\n")
    file.flush()
    return file


def requests(port, prompt_bytes, seconds):
    """Keeps 32 connections busy; returns the number of requests answered with 200."""
    with _script(prompt_bytes) as script:
        out = subprocess.run(
            ["taskset", "-c", LOAD_CPU, "wrk", "-t1", "-c32", f"-d{seconds:g}s", "-s", script.name,
             f"http://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError("the load saw errors:\n" + out)
    return int(re.search(r"(\d+) requests in", out).group(1))


def count(port, prompt_bytes, n):
    """n requests one after the other on one connection."""
    text = body(prompt_bytes).encode()
    head = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        for _ in range(n):
            s.sendall(head + text)
            data = b""
            while b"\r\n\r\n" not in data:
                data += s.recv(65536)
            answer_head, _, rest = data.partition(b"\r\n\r\n")
            length = int(re.search(rb"content-length: (\d+)", answer_head, re.I).group(1))
            while len(rest) < length:
                rest += s.recv(65536)


def events(port, streams, per_stream):
    """Reads that many streams to their end; returns the number of events received."""
    text = json.dumps({"model": "tiny", "stream": True, "messages": []}).encode()
    head = (f"POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode()
    selector = selectors.DefaultSelector()
    received = 0
    for _ in range(streams):
        s = socket.create_connection(("127.0.0.1", port), timeout=30)
        s.sendall(head + text)
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ)
    open_streams = streams
    while open_streams:
        ready = selector.select(timeout=30)
        if not ready:
            raise RuntimeError("streams stalled")
        for key, _ in ready:
            data = key.fileobj.recv(65536)
            if data:
                received += data.count(b"data: ")
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                open_streams -= 1
    if received != streams * per_stream:
        raise RuntimeError(f"{received} of {streams * per_stream} events arrived")
    return received
