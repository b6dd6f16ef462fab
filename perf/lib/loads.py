"""The loads of perf/compare: wrk, h2load and sluice-load, on the loads' processor, over loopback. Each returns what it saw
answered, and raises if something was not."""
import json
import re
import subprocess
import tempfile

from processes import LOAD_CPU

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


def events_http2(proxy, streams, connections, per_stream, gap_ms):
    """Reads that many paced streams to their end. Returns the number of events."""
    text = json.dumps({"model": "tiny", "stream": True, "messages": []})
    _, received = _h2load(f"{proxy.https}/v1/events/{per_stream}/{gap_ms * 1000}", text, f"-c{connections}",
                          f"-n{streams}", f"-m{streams // connections}")
    expected = streams * per_stream
    if received != expected * proxy.event_bytes + streams * len("data: [DONE]\n\n"):
        raise RuntimeError(f"{received} bytes of {expected} events arrived")
    return expected


def events(proxy, streams, per_stream, gap_ms, burst=1):
    """HTTP/1.1: reads that many streams to their end, each on a connection of its own. Returns the number of events, and
    the median of their ages in us."""
    found = proxy.program.good("streams", "--to", proxy.to("events"), "--streams", streams, "--events", per_stream,
                               "--gap-us", round(gap_ms * 1000), "--burst", burst, "--prompt-bytes", 100)["proxy"]
    return found["events"], found["age"]["p50_us"]


def open_loop(proxy, per_second, seconds):
    """Requests at a fixed rate. Returns what sluice-load says of their latency."""
    return proxy.program.good("rate", "--to", proxy.to("answer"), "--per-second", per_second, "--seconds",
                              seconds)["latency"]
