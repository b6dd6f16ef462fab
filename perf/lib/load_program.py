"""sluice-load, the load and the backend of our own: started on the loads' processor, spoken to in lines of JSON."""
import json
import os
import pathlib
import subprocess
import sys

import processes


class Program:
    """Where it is."""

    def __init__(self, bin_folder):
        self._path = pathlib.Path(bin_folder) / "sluice-load"
        if not self._path.exists():
            sys.exit(f"{self._path} is not there; build it: cmake --preset release && cmake --build --preset release")

    def start(self, *arguments, **options):
        command = [*processes.on_cpu(processes.LOAD_CPU), self._path, *arguments]
        return subprocess.Popen([str(a) for a in command], stdout=subprocess.PIPE, text=True, **options)

    def run(self, *arguments, each_line=lambda line: None):
        """The last line that it prints; `each_line` gets those before."""
        return Running(self.start(*arguments)).result(each_line)

    def good(self, *arguments):
        """As run(), but raises where something went wrong."""
        found = self.run(*arguments)
        if not found["good"]:
            raise RuntimeError(f"{' '.join(map(str, arguments))}: {json.dumps(found)}")
        return found


class Running:
    """A run under way."""

    def __init__(self, process):
        self._process = process

    def result(self, each_line=lambda line: None):
        last = None
        try:
            for line in self._process.stdout:
                if last is not None:
                    each_line(last)
                last = json.loads(line)
            status = self._process.wait()
        finally:
            self.stop()
        if status not in (0, 1) or last is None:
            raise RuntimeError(f"{' '.join(self._process.args)} ended with {status}")
        return last

    def stop(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Backend:
    """The model server that streams and answers at any pace."""

    def __init__(self, program):
        self._process = program.start("backend")
        said = json.loads(self._process.stdout.readline())
        self.port, self.event_bytes = said["port"], said["event_bytes"]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait()
        self._process.stdout.close()


class HeldStreams:
    """Streams that go on until close(). `opened` is what was seen when all were open."""

    def __init__(self, program, *arguments):
        self._process = program.start("streams", "--hold", *arguments, stdin=subprocess.PIPE)
        self.opened = self._line()

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._process.args)} ended with {self._process.wait()}")
        return json.loads(line)

    def report(self):
        """What was seen since the last report."""
        os.write(self._process.stdin.fileno(), b"\n")
        return self._line()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
