"""The loads of perf/compare: wrk and h2load, on the loads' processor, over loopback. Each returns the units it saw
answered, and raises if any was not."""
import json
import re
import subprocess
import tempfile

from processes import LOAD_CPU
from sse_backend import EVENT

PATH = "/v1/chat/completions"


def body(prompt_bytes):
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x" * prompt_bytes}]})


def _file(text, suffix):
    file = tempfile.NamedTemporaryFile("w", suffix=suffix)
    file.write(text)
    file.flush()
    return file


def _run(*command):
    done = subprocess.run(["taskset", "-c", LOAD_CPU, *map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def requests(url, prompt_bytes, seconds):
    """HTTP/1.1: keeps 32 connections busy."""
    script = _file('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                   f"wrk.body = [[{body(prompt_bytes)}]]\n", ".lua")
    with script:
        out = _run("wrk", "-t1", "-c32", f"-d{seconds}s", "-s", script.name, url + PATH)
    if "Non-2xx" in out or "Socket errors" in out:
        raise RuntimeError("the load saw errors:\n" + out)
    return int(re.search(r"(\d+) requests in", out).group(1))


def _h2load(url, content, *options):
    """The numbers of requests done, and of bytes of content."""
    with _file(content, ".json") as data:
        out = _run("h2load", "-t1", "-d", data.name, "-H", "content-type: application/json", *options, url)
    done, failed, errored = map(int, re.search(r"(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored", out).groups())
    others = [int(n) for n in re.search(r"2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out).groups()]
    if failed or errored or any(others) or not done:
        raise RuntimeError("the load saw errors:\n" + out)
    return done, int(re.search(r"\((\d+)\) data", out).group(1))


def requests_http2(url, prompt_bytes, seconds):
    """HTTP/2: keeps 32 streams on each of 8 connections busy."""
    return _h2load(url + PATH, body(prompt_bytes), "-c8", "-m32", "-D", seconds)[0]


def count(url, prompt_bytes, n, connections=1, http2=False):
    """n requests over so many connections: on each one after the other, with HTTP/2 up to 32 at a time."""
    version = ["-m32"] if http2 else ["--h1"]
    return _h2load(url + PATH, body(prompt_bytes), f"-c{connections}", f"-n{n}", *version)[0]


def events(url, streams, connections, per_stream, gap_ms, http2=False):
    """Reads that many paced streams to their end; HTTP/1.1 has a connection for each."""
    text = json.dumps({"model": "tiny", "stream": True, "messages": []})
    version = [f"-m{streams // connections}"] if http2 else ["--h1"]
    _, received = _h2load(f"{url}/v1/events/{per_stream}/{gap_ms}", text, f"-c{connections}", f"-n{streams}", *version)
    expected = streams * per_stream
    # HTTP/1.1's are counted with their chunks' frames.
    if http2 and received != expected * len(EVENT):
        raise RuntimeError(f"{received} bytes of {expected} events arrived")
    return expected
