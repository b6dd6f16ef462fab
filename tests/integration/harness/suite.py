"""The runner. A test is a function named by a sentence; it gets a Test, which ends what it started.

    @test("an unknown path is answered with 404")
    def _(t):
        gateway = t.gateway(...)

    main()
"""

import argparse
import contextlib
import faulthandler
import pathlib
import shutil
import sys
import tempfile
import traceback

from . import gateway as gateways
from . import process, upstream

_tests = []

# Longest time that one test may take before the run is given up with every thread's stack.
_HANG_SECONDS = 240


class Skipped(Exception):
    """Raised with the reason where a test cannot run here, for instance for want of an optional program."""


def test(sentence):
    def register(function):
        if any(sentence == known for known, _ in _tests):
            raise ValueError(f"two tests are named {sentence!r}")
        _tests.append((sentence, function))
        return function

    return register


class Test:
    """One run of one test: what it starts ends with it, last started first, also when it fails."""

    def __init__(self, stack):
        self._stack = stack
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-integration-"))
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._programs = []

    def gateway(self, config, *, threads=1, ends_with=0, sockets=(), program=None):
        """Starts a gateway and waits until it is ready. It must end with status `ends_with` on SIGTERM."""
        started = gateways.Gateway(config, self.folder, len(self._programs), threads, sockets, program)
        self._programs.append(started)
        self._stack.callback(started.stop, ends_with)
        started.wait_ready()
        return started

    def program(self, *command, **options):
        started = process.Process(command, self.folder, f"program-{len(self._programs)}", **options)
        self._programs.append(started)
        self._stack.callback(started.kill)
        return started

    def upstream(self, **options):
        """A backend that the test plays itself, one connection at a time."""
        return self._stack.enter_context(upstream.Upstream(**options))

    def serving(self, answer, **options):
        """A backend that calls `answer(request, connection)` for every request, each connection a thread."""
        return self._stack.enter_context(upstream.ServingUpstream(answer, **options))

    def enter(self, context):
        """Enters what is to be left at the end of the test, and gives it."""
        return self._stack.enter_context(context)

    def connect(self, gateway_or_address):
        """A client's connection, closed at the end of the test at the latest."""
        address = getattr(gateway_or_address, "address", gateway_or_address)
        return self.closes(process.connect(address))

    def closes(self, connection):
        """A connection that somebody else has made ends with the test too."""
        self._stack.callback(connection.leave)
        return connection

    def output(self):
        return "".join(p.describe() for p in self._programs)


def _run(sentence, function):
    faulthandler.dump_traceback_later(_HANG_SECONDS, exit=True)
    described = ""
    try:
        with contextlib.ExitStack() as stack:
            t = Test(stack)
            try:
                function(t)
            except BaseException:
                described = t.output()
                raise
    except Skipped as reason:
        print(f"skip - {sentence} ({reason})", flush=True)
        return None
    except Exception:
        print(f"FAIL - {sentence}", flush=True)
        print("    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
        print(described, flush=True)
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
    print(f"ok   - {sentence}", flush=True)
    return True


def main():
    """Runs the file's tests and ends the program; status 1 if one failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", metavar="SUBSTRING", default="", help="only tests whose sentence contains it")
    parser.add_argument("--part", metavar="I/N", default="1/1", help="only every Nth test, from the Ith on")
    parser.add_argument("--list", action="store_true", help="print the sentences and run nothing")
    options = parser.parse_args()
    chosen = [(s, f) for s, f in _tests if options.k.lower() in s.lower()]
    part, parts = map(int, options.part.split("/"))
    chosen = chosen[part - 1::parts]
    if options.list:
        print("\n".join(s for s, _ in chosen))
        sys.exit(0)
    results = [_run(sentence, function) for sentence, function in chosen]
    if None in results:
        print(f"{results.count(None)} skipped", flush=True)
    print(f"{results.count(True)} passed, {results.count(False)} failed", flush=True)
    sys.exit(1 if False in results else 0)
