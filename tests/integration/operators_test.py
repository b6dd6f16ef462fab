#!/usr/bin/python3
"""What operators see and change: the admin pages, who may use them, and sluicectl."""

import http.client
import json
import os
import pathlib
import shutil
import socket
import stat
import subprocess

from harness import gateway, process
from harness.http import EVENTS_HEAD, answer, chat, chunk, event, request
from harness.suite import Skipped, main, test

CTL = process.BIN / "sluicectl"
TOKEN = "correct-horse-battery"


class Operator:
    """sluicectl with the options that every call has."""

    def __init__(self, t, *options):
        self._t, self._options = t, options

    def __call__(self, *arguments, status=0, env=None):
        program = self._t.program(CTL, *self._options, *arguments, env=(os.environ | env) if env else None)
        ended = program.wait()
        assert ended == status, (arguments, ended, program.stdout, program.stderr)
        return program.stdout if status in (0, 1) and program.stdout else program.stderr


def operator(t, sluice, *options):
    host, port = sluice.admin
    return Operator(t, "--admin", f"{host}:{port}", *options)


def with_admin(t, upstreams, **admin):
    settings = gateway.config(upstreams)
    settings["admin"] |= {"audit_log": str(t.folder / "audit.log")} | admin
    return settings


def audit(t, count):
    path = t.folder / "audit.log"
    process.wait_until(lambda: path.exists() and path.read_text().count("\n") >= count, "the audit log is written")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == count, lines
    return lines


def ask(sluice, method, path, body=None, **headers):
    """(status, headers, text) of one request on the admin address."""
    connection = http.client.HTTPConnection(*sluice.admin, timeout=process.PATIENCE)
    try:
        connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answered = connection.getresponse()
        return answered.status, dict((k.lower(), v) for k, v in answered.getheaders()), answered.read().decode()
    finally:
        connection.close()


def open_stream(t, sluice, upstream, **fields):
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True, **fields)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")))
    client.read_until(b"data: ")
    return client, backend


# Pages and commands --------------------------------------------------------------------------------------------


@test("status tells version, process, configuration, listeners and work in flight, in three formats")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]), threads=2)
    open_stream(t, sluice, upstream)
    ctl = operator(t, sluice)
    status = json.loads(ctl("status", "-o", "json"))
    assert status["pid"] == sluice.pid and status["shards"] == 2 and status["open_streams"] == 1, status
    assert status["config_generation"] == 1 and not status["draining"] and status["uptime_seconds"] > 0, status
    assert status["listeners"] == [{"name": "public", "address": "%s:%d" % sluice.address, "tls": False}], status
    table = ctl("status")
    assert f"process {sluice.pid}" in table and "1 streams in flight" in table and "public" in table, table
    assert f"pid: {sluice.pid}\n" in ctl("-o", "yaml", "status")


@test("clusters is a table with a row for each endpoint; live, ready, metrics and config print their pages")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address, "127.0.0.1:1"]))
    ctl = operator(t, sluice)
    lines = ctl("clusters").splitlines()
    assert lines[0].split()[:3] == ["CLUSTER", "ENDPOINT", "WEIGHT"] and len(lines) == 3, lines
    assert lines[1].split()[:2] == ["models", upstream.address], lines
    assert ctl("live") == "live\n" and ctl("ready") == "ready\n"
    assert "sluice_build_info" in ctl("metrics") and ctl("config").startswith("version: 1\n")
    assert json.loads(ctl("clusters", "-o", "json"))["clusters"][0]["name"] == "models"


@test("streams are chosen by cluster, route, model, state and age")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    open_stream(t, sluice, upstream)
    ctl = operator(t, sluice)
    for fits in (("--cluster", "models"), ("--route", "all"), ("--state", "streaming"), ("--min-age", "0s")):
        chosen = json.loads(ctl("streams", *fits, "-o", "json"))
        assert (chosen["open"], len(chosen["streams"])) == (1, 1), (fits, chosen)
    for misses in (("--cluster", "other"), ("--model", "m&o=d"), ("--state", "waiting"), ("--min-age", "1h")):
        chosen = json.loads(ctl("streams", *misses, "-o", "json"))
        assert (chosen["open"], chosen["streams"]) == (1, []), (misses, chosen)
    assert "1 of 1 streams in flight" in ctl("streams")
    assert "min_age" in ctl("streams", "--min-age", "soon", status=1)
    assert ask(sluice, "GET", "/streams?colour=red")[0] == 400


@test("kill ends one stream and closes its upstream; the others go on")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(with_admin(t, [upstream.address]))
    client, backend = open_stream(t, sluice, upstream)
    doomed = sluice.streams()[0]["id"]
    other, other_backend = open_stream(t, sluice, upstream)
    ctl = operator(t, sluice)
    assert doomed in ctl("streams", "kill", doomed)
    client.read_to_end()
    backend.expect_end()
    sluice.wait_until(lambda: len(sluice.streams()) == 1, "one stream is left")
    other_backend.send(chunk(event("b")))
    other.read_until(b"b")
    assert "no stream" in ctl("streams", "kill", doomed, status=1)
    assert [(a["action"], a["subject"], a["result"]) for a in audit(t, 2)] == [
        ("kill", doomed, "ok"), ("kill", doomed, "failed")]
    assert sluice.metrics().sum("sluice_admin_actions_total", action="kill") == 2


@test("diff tells what a file would change, as diff(1) does with its status, and changes nothing")
def _(t):
    settings = gateway.config(["127.0.0.1:1"])
    sluice = t.gateway(settings)
    ctl = operator(t, sluice)
    running = t.folder / "running.yaml"
    running.write_text(ctl("config"))
    assert ctl("diff", running) == "no difference\n"
    settings["clusters"][0]["endpoints"][0]["weight"] = 7
    other = t.folder / "other.yaml"
    running.write_text(ctl("config").replace("weight: 1\n", "weight: 7\n", 1))
    assert ctl("diff", running, status=1) == "clusters[models].endpoints[127.0.0.1:1].weight\n  - 1\n  + 7\n"
    change = json.loads(ctl("diff", running, "-o", "json", status=1))["changes"]
    assert change == [{"path": "clusters[models].endpoints[127.0.0.1:1].weight", "before": "1", "after": "7"}], change
    other.write_text("version: 1\nlistners: []\n")
    assert "listeners" in ctl("diff", other, status=2)
    assert "No such file" in ctl("diff", t.folder / "nowhere", status=2)
    assert sluice.json_page("/status")["config_generation"] == 1


@test("reload puts the file in force, or says what is wrong and leaves everything as it is")
def _(t):
    settings = with_admin(t, ["127.0.0.1:1"])
    settings["observability"] = {"access_log": {"file": "off"}}
    sluice = t.gateway(settings)
    ctl = operator(t, sluice)
    file = pathlib.Path(sluice.json_page("/status")["config_path"])
    assert "nothing changed" in ctl("reload")
    settings["clusters"][0]["endpoints"][0]["weight"] = 7
    file.write_text(json.dumps(settings))
    assert "generation 2 is in force" in ctl("reload")
    assert list(sluice.endpoints().values())[0]["weight"] == 7
    file.write_text("version: 2\n")
    out = ctl("reload", status=1)
    assert "generation 2 stays in force" in out and "version" in out, out
    assert [(a["action"], a["result"]) for a in audit(t, 3)] == [
        ("reload", "ok"), ("reload", "ok"), ("reload", "failed")]


@test("explain tells which route would take a request, and sends nothing")
def _(t):
    sluice = t.gateway(gateway.config(["127.0.0.1:1"]))
    ctl = operator(t, sluice)
    explained = json.loads(ctl("explain", "POST /v1/x", "-H", "Host: api", "-d", '{"model":"m"}', "-o", "json"))
    assert explained["route"] == "all", explained
    assert "route: all" in ctl("explain", "GET /", "--client", "10.0.0.1")
    assert ctl("explain", "nonsense", status=1).startswith("sluicectl: ")
    assert list(sluice.endpoints().values())[0]["attempts"] == 0


@test("log-level shows and sets the level")
def _(t):
    sluice = t.gateway(with_admin(t, ["127.0.0.1:1"]))
    ctl = operator(t, sluice)
    assert "info" in ctl("log-level")
    assert "debug" in ctl("log-level", "debug") and "debug" in ctl("log-level")
    assert "loud" in ctl("log-level", "loud", status=2)
    assert ask(sluice, "PUT", "/log-level", "loud")[0] == 400
    assert [a["result"] for a in audit(t, 2)] == ["ok", "failed"]


@test("drain lets streams end and then ends the process; asked twice it cuts nothing")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    client, backend = open_stream(t, sluice, upstream)
    ctl = operator(t, sluice)
    assert "draining" in ctl("drain") and "draining" in ctl("drain")
    assert ctl("ready", status=1) == "draining\n"
    assert sluice.status() is None
    backend.send(b"0\r\n\r\n")
    client.read_to_end()
    assert sluice.wait() == 0


# Who may --------------------------------------------------------------------------------------------------------


@test("with a token every page but /live and /ready asks for it, and the attempt is in the audit log")
def _(t):
    secret = t.folder / "token"
    secret.write_text(TOKEN + "\n")
    settings = with_admin(t, ["127.0.0.1:1"], token={"file": str(secret)})
    sluice = t.gateway(settings)
    assert sluice.page("/live")[0] == sluice.page("/ready")[0] == 200
    for authorization in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"},
                          {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": "Bearer "}):
        status, headers, text = ask(sluice, "GET", "/config", **authorization)
        assert status == 401 and headers["www-authenticate"].startswith("Bearer"), (status, headers)
        assert TOKEN not in text
    assert ask(sluice, "POST", "/drain")[0] == 401
    for scheme in ("Bearer", "bearer"):
        assert ask(sluice, "GET", "/config", Authorization=f"{scheme} {TOKEN}")[0] == 200
    lines = audit(t, 6)
    assert [line["result"] for line in lines] == ["no_token"] * 6, lines
    assert (lines[0]["action"], lines[-1]["action"]) == ("/config", "drain"), lines
    assert lines[0]["who"].startswith("127.0.0.1:") and TOKEN not in (t.folder / "audit.log").read_text()
    ctl = operator(t, sluice)
    assert "--token-file" in ctl("status", status=4)
    assert ctl("ready") == "ready\n"
    assert str(sluice.pid) in ctl("--token-file", secret, "status")
    assert str(sluice.pid) in ctl("status", env={"SLUICE_ADMIN_TOKEN": TOKEN})
    assert "No such file" in ctl("--token-file", t.folder / "nowhere", "status", status=2)
    assert TOKEN not in ask(sluice, "GET", "/config", Authorization=f"Bearer {TOKEN}")[2]


@test("a token that cannot be read ends the start with status 2, and what stands in it is never shown")
def _(t):
    empty = t.folder / "empty"
    empty.write_text("\n")
    for token, says in (({"file": str(t.folder / "nowhere")}, "No such file"), ({"file": str(empty)}, "empty"),
                        ({"env": "SLUICE_TEST_TOKEN_THAT_IS_NOT_SET"}, "not set")):
        path = t.folder / "bad.yaml"
        path.write_text(json.dumps(gateway.config(["127.0.0.1:1"]) | {
            "admin": {"address": "127.0.0.1:0", "token": token}}))
        program = t.program(process.BIN / "sluice", "--config", path)
        assert program.wait() == 2 and "admin.token" in program.stderr and says in program.stderr, program.stderr


@test("the unix socket is its owner's alone, asks for no token, replaces a stale file and leaves none")
def _(t):
    path = t.folder / "admin.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    secret = t.folder / "token"
    secret.write_text(TOKEN)
    sluice = t.gateway(with_admin(t, ["127.0.0.1:1"], socket=str(path), token={"file": str(secret)}))
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600, oct(mode)
    ctl = Operator(t, "--admin", f"unix:{path}")
    assert str(sluice.pid) in ctl("status")
    ctl("log-level", "warning")
    assert [(a["who"], a["action"], a["result"]) for a in audit(t, 1)] == [("unix", "log-level", "ok")]
    sluice.stop()
    assert not path.exists()


@test("a page in somebody's browser changes nothing: a request with Origin is refused and noted")
def _(t):
    sluice = t.gateway(with_admin(t, ["127.0.0.1:1"]))
    for method, path in (("POST", "/drain"), ("POST", "/reload"), ("PUT", "/log-level"), ("POST", "/streams/x/kill"),
                         ("POST", "/diff")):
        status, _, _ = ask(sluice, method, path, "debug", Origin="http://evil.example")
        assert status == 403, (method, path, status)
    assert not sluice.json_page("/status")["draining"]
    assert {a["result"] for a in audit(t, 5)} == {"cross_site"}


@test("an unknown page is 404, a wrong method is 405 with the right ones, and / lists them all")
def _(t):
    sluice = t.gateway(gateway.config(["127.0.0.1:1"]))
    assert ask(sluice, "GET", "/nowhere")[0] == 404
    status, headers, _ = ask(sluice, "POST", "/status")
    assert (status, headers["allow"]) == (405, "GET"), headers
    status, headers, _ = ask(sluice, "DELETE", "/log-level")
    assert (status, headers["allow"]) == (405, "GET, PUT"), headers
    listed = ask(sluice, "GET", "/")[2]
    assert "/status" in listed and "POST /drain" in listed and "PUT  /log-level" in listed, listed
    assert ask(sluice, "POST", "/diff", b"x" * ((1 << 20) + 1))[0] == 413


@test("sluicectl says what to do when nobody answers, and with a wrong command line")
def _(t):
    ctl = Operator(t, "--admin", f"127.0.0.1:{process.free_port()}")
    said = ctl("status", status=3)
    assert "Does the gateway run" in said and "--admin" in said, said
    assert "--admin" in Operator(t, "--admin", "nonsense")("status", status=2)
    ctl("nonsense", status=2)
    ctl(status=2)
    help_text = ctl("--help")
    for word in ("Exit status", "top", "streams", "kill", "--token-file", "completion", "reload"):
        assert word in help_text, word


# Shells and terminals -------------------------------------------------------------------------------------------


@test("the completion script loads in bash and completes commands, options and values")
def _(t):
    script = t.folder / "completion.bash"
    script.write_text(Operator(t)("completion", "bash"))

    def complete(*words):
        line = " ".join(f"'{w}'" for w in ("sluicectl", *words))
        code = (f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _sluicectl; "
                "printf '%s\\n' \"${COMPREPLY[@]}\"")
        return subprocess.run(["bash", "-u", "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert complete("st") == ["status", "streams"]
    assert complete("-o", "") == ["table", "json", "yaml"]
    assert complete("--admin", "unix:x", "rel") == ["reload"]
    assert complete("streams", "k") == ["kill"] and complete("streams", "--min") == ["--min-age"]
    assert complete("log-level", "w") == ["warning"]
    assert complete("diff", f"{script.parent}/comp") == [str(script)]


@test("the completion script for zsh names every command")
def _(t):
    script = Operator(t)("completion", "zsh")
    assert script.startswith("#compdef sluicectl\n") and "'reload:" in script
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n"], input=script, text=True, check=True)


@test("top --once shows rates, latencies and every endpoint within its columns")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"{}")))
    sluice = t.gateway(gateway.config([backend.address]))
    ctl = operator(t, sluice)
    for columns in (40, 80, 160):
        screen = ctl("top", "--once", "--columns", str(columns))
        assert all(len(line) <= columns for line in screen.splitlines()), (columns, screen)
        for word in ("requests/s", "TTFT", "token gap", "answer tok/s", "ENDPOINT"):
            assert word in screen, (columns, word, screen)
    assert backend.address in screen
    assert "terminal" in ctl("top", status=2)


class Terminal:
    """A shell in tmux, of a size that can change."""

    def __init__(self, t, columns):
        if not shutil.which("tmux"):
            raise Skipped("tmux is not installed")
        self.server = str(t.folder / "tmux.sock")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-s", "s", "-x", str(columns), "-y", "24", "env PS1='prompt> ' sh")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.server, *arguments], capture_output=True, text=True, check=True).stdout

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", "s")

    def resize(self, columns, rows=24):
        self.tmux("resize-window", "-t", "s", "-x", str(columns), "-y", str(rows))

    def press(self, *keys):
        self.tmux("send-keys", "-t", "s", *keys)

    def until(self, condition, what):
        process.wait_until(lambda: condition(self.screen()), what)


@test("top fills a terminal of 80 and of 160 columns, follows its size, and restores it at q and at Ctrl-C")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"{}")))
    sluice = t.gateway(gateway.config([backend.address]))
    with Terminal(t, 80) as terminal:
        for columns, key in ((80, "q"), (160, "C-c")):
            terminal.resize(columns)
            terminal.press(f"{CTL} --admin {sluice.admin[0]}:{sluice.admin[1]} top", "Enter")
            terminal.until(lambda screen: "requests/s" in screen and backend.address in screen, "top is on the screen")
            first = terminal.screen()
            assert "prompt>" not in first and max(map(len, first.splitlines())) <= columns, first
            terminal.resize(60, 20)
            terminal.until(lambda screen: "requests/s" in screen and max(map(len, screen.splitlines())) <= 60,
                           "top follows the terminal's size")
            terminal.press(key)
            terminal.until(lambda screen: "requests/s" not in screen and "prompt>" in screen, "the shell is back")
            terminal.press(f"echo echoed-{columns}", "Enter")
            terminal.until(lambda screen: f"\nechoed-{columns}" in screen, "keys are echoed again")


@test("streams --watch follows streams on a terminal of 80 and of 160 columns, a line for each")
def _(t):
    upstream = t.upstream()
    sluice = t.gateway(gateway.config([upstream.address]))
    with Terminal(t, 80) as terminal:
        for columns in (80, 160):
            terminal.resize(columns)
            terminal.press(f"clear; {CTL} --admin {sluice.admin[0]}:{sluice.admin[1]} streams --watch", "Enter")
            _, backend = open_stream(t, sluice, upstream)
            terminal.until(lambda screen: "streaming" in screen, "the stream is on the screen")
            headings, line, count = terminal.screen().rstrip().splitlines()
            assert max(len(headings), len(line)) <= columns and count == "1 of 1 streams in flight", (headings, line, count)
            # What finds no room is left out, not wrapped.
            assert ("PEER" in headings) == (columns == 160), headings
            backend.send(b"0\r\n\r\n")
            backend.leave()
            terminal.until(lambda screen: "streaming" not in screen, "the stream has left the screen")
            terminal.press("C-c")
            terminal.until(lambda screen: "prompt>" in screen, "the shell is back")


main()
