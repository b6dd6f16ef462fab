#!/usr/bin/python3
"""The command line: what it prints, where, and with which status; and that checking a file starts nothing."""

import json
import os
import re
import shutil
import signal
import socket

from harness import gateway, pairs, process
from harness.http import answer, chat, request
from harness.suite import main, test

SLUICE = process.BIN / "sluice"
EXAMPLES = process.SOURCE / "config" / "examples"

GOOD = """version: 1
listeners:
  - {name: public, address: 127.0.0.1:%d}
admin: {address: 127.0.0.1:%d}
clusters:
  - name: models
    endpoints: [{address: 127.0.0.1:8000}]
routes:
  - match: {path: {prefix: /}}
    clusters: [{name: models}]
"""


def sluice(t, *arguments, **options):
    """Runs the program to its end; gives (status, standard output, standard error)."""
    program = t.program(SLUICE, *arguments, **options)
    status = program.wait()
    return status, program.stdout, program.stderr


def written(t, text, name="sluice.yaml"):
    path = t.folder / name
    path.write_text(text)
    return path


def good(t):
    """A good file whose two ports are free."""
    ports = process.free_port(), process.free_port()
    return written(t, GOOD % ports), ports


def nobody_listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


@test("validate says ok on standard output for a good file, and starts nothing")
def _(t):
    path, ports = good(t)
    assert sluice(t, "validate", path) == (0, f"{path}: ok\n", "")
    # Also where the ports are taken: nothing was bound.
    with process.listen() as taken:
        path = written(t, GOOD % (taken.getsockname()[1], ports[1]))
        assert sluice(t, "validate", path)[0] == 0


@test("every example is a good configuration")
def _(t):
    examples = sorted(EXAMPLES.glob("*.yaml"))
    assert examples
    # The certificates that an example names, relative to where the program is started.
    (t.folder / "tls").mkdir()
    for name in set(re.findall(r"tls/([a-z-]+)\.(?:pem|key)", "".join(path.read_text() for path in examples))):
        for ending in ("pem", "key"):
            shutil.copy(pairs.path(f"site-ec.{ending}"), t.folder / "tls" / f"{name}.{ending}")
    for path in examples:
        status, out, err = sluice(t, "validate", path, cwd=t.folder)
        assert (status, out, err) == (0, f"{path}: ok\n", ""), (path, status, out, err)


BAD = """version: 1
listeners:
  - {name: public, address: nonsense}
clusters:
  - name: models
    endpoints: [{address: 127.0.0.1:8000}]
    pool: {idle_timeout: 4, max_idel: 3}
routes:
  - match: {path: {prefix: /, exact: /}}
    clusters: [{name: modles}]
"""


@test("validate tells all errors at once, each with its place, and exits with 2")
def _(t):
    path = written(t, BAD)
    status, out, err = sluice(t, "validate", path)
    assert (status, out) == (2, ""), (status, out)
    places = [line for line in err.splitlines() if line.startswith(f"{path}:")]
    for line, word in ((3, "address"), (7, "idle_timeout"), (7, "max_idle"), (9, "path"), (10, "models")):
        assert any(p.startswith(f"{path}:{line}:") and word in p for p in places), (line, word, err)
    # The source line and a caret stand under each.
    assert err.count("^") == len(places) >= 5, err


@test("a bad configuration is not served, and its errors are those that validate tells")
def _(t):
    path = written(t, BAD)
    status, out, err = sluice(t, "--config", path)
    assert (status, out) == (2, "") and err == sluice(t, "validate", path)[2], err


def unreadable(sentence, make, says):
    @test(sentence)
    def _(t):
        path = make(t)
        for arguments in (("validate", path), ("print-config", path), ("--config", path)):
            status, out, err = sluice(t, *arguments)
            assert (status, out) == (2, "") and says in err and str(path) in err, (arguments, status, out, err)


unreadable("a file that is not there is named with the reason", lambda t: t.folder / "nowhere.yaml",
           "No such file or directory")
unreadable("a folder is not a configuration", lambda t: t.folder, "Is a directory")
unreadable("an empty file is not a configuration", lambda t: written(t, ""), "empty")
unreadable("a file that is no YAML is refused with its line", lambda t: written(t, "version: 1\nlisteners: [}\n"), ":2:")
unreadable("a file with a NUL is refused", lambda t: written(t, "version: 1\n\0"), ":2:1")
unreadable("a key given twice is refused", lambda t: written(t, GOOD % (1, 2) + "version: 1\n"), "version")


@test("print-config prints every default, and what it prints is the same configuration")
def _(t):
    path, _ = good(t)
    status, out, err = sluice(t, "print-config", path)
    assert (status, err) == (0, ""), (status, err)
    for key in ("max_head_bytes", "idle_timeout", "attempts", "stream_buffer_bytes", "first_content", "access_log"):
        assert key in out, key
    again = written(t, out, "again.yaml")
    assert sluice(t, "validate", again)[0] == 0
    assert sluice(t, "print-config", again) == (0, out, "")


@test("print-config keeps what every example says")
def _(t):
    for path in sorted(EXAMPLES.glob("*.yaml")):
        _, out, _ = sluice(t, "print-config", path)
        assert sluice(t, "print-config", written(t, out)) == (0, out, ""), path


@test("--help explains every option on standard output")
def _(t):
    status, out, err = sluice(t, "--help")
    assert (status, err) == (0, ""), (status, err)
    for word in ("--config", "--threads", "validate", "print-config", "--version"):
        assert word in out, word


@test("--version prints one line")
def _(t):
    status, out, err = sluice(t, "--version")
    assert status == 0 and err == "" and len(out.splitlines()) == 1 and out.strip(), out


def misuse(sentence, *arguments, says):
    @test(sentence)
    def _(t):
        status, out, err = sluice(t, *arguments)
        assert status not in (0, None) and status > 0, status
        assert out == "" and says in err, (out, err)


misuse("an unknown option is refused and named", "--confog", "x", says="--confog")
misuse("an unknown command is refused and named", "serv", says="serv")
misuse("no configuration at all is refused with what to do", says="--config")
misuse("--threads 0 is refused", "--config", "x", "--threads", "0", says="threads")
misuse("--threads takes a number", "--config", "x", "--threads", "two", says="threads")
misuse("validate needs a file", "validate", says="file")
misuse("--config needs a file", "--config", says="--config")


@test("a port in use ends the start with status 2 and names the address")
def _(t):
    with process.listen() as taken:
        port = taken.getsockname()[1]
        for threads in ("1", "2"):
            path = written(t, GOOD % (port, process.free_port()))
            status, out, err = sluice(t, "--config", path, "--threads", threads)
            assert status == 2 and f"127.0.0.1:{port}" in err and "in use" in err, (threads, status, err)


for threads in ("1", "2"):

    @test(f"a second gateway does not share the first one's port ({threads} shards)")
    def _(t, threads=threads):
        path, ports = good(t)
        first = t.program(SLUICE, "--config", path, "--threads", threads)
        process.wait_until(lambda: not nobody_listens(ports[1]), "the first gateway listens")
        other = written(t, GOOD % (ports[0], process.free_port()), "other.yaml")
        second = t.program(SLUICE, "--config", other, "--threads", threads)
        process.wait_until(lambda: second.status() is not None or "listening" in second.stderr, "the second decides")
        assert second.status() == 2, f"two gateways serve one port: {second.describe()}"
        first.signal(signal.SIGTERM)
        assert first.wait() == 0


@test("an admin port in use ends the start with status 2, and the public port is free again")
def _(t):
    with process.listen() as taken:
        public, admin = process.free_port(), taken.getsockname()[1]
        status, _, err = sluice(t, "--config", written(t, GOOD % (public, admin)))
        assert status == 2 and f"127.0.0.1:{admin}" in err, (status, err)
        assert nobody_listens(public)


@test("an address of another machine ends the start with status 2 and names it")
def _(t):
    path = written(t, (GOOD % (1, process.free_port())).replace("127.0.0.1:1}", "192.0.2.1:8080}"))
    status, _, err = sluice(t, "--config", path)
    assert status == 2 and "192.0.2.1:8080" in err, (status, err)


@test("an access log that cannot be opened ends the start with status 2 and names it")
def _(t):
    path, _ = good(t)
    path.write_text(path.read_text() + "observability: {access_log: {file: /proc/nowhere/access.log}}\n")
    status, _, err = sluice(t, "--config", path)
    assert status == 2 and "/proc/nowhere" in err, (status, err)


@test("the access log goes to standard output by default, and messages for operators to standard error")
def _(t):
    upstream = t.upstream()
    settings = gateway.config([upstream.address], observability={"access_log": {"file": "stdout"}})
    running = t.gateway(settings)
    client = t.connect(running)
    client.send(request(body=chat()))
    backend = upstream.accept()
    backend.read_request()
    backend.send(answer(b"ok"))
    client.read_response()
    process.wait_until(lambda: running.stdout.endswith("\n"), "a line on standard output")
    assert json.loads(running.stdout)["status"] == 200
    assert all("listening" in line or "admin" in line for line in running.stderr.splitlines()), running.stderr


@test("an access log that is off writes nowhere")
def _(t):
    upstream = t.upstream()
    running = t.gateway(gateway.config([upstream.address], observability={"access_log": {"file": "off"}}))
    client = t.connect(running)
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert client.read_response().status == 400
    assert running.stdout == ""
    assert not any(name.startswith("access") for name in os.listdir(t.folder))


main()
