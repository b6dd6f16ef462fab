"""h2load as a crowd: one run after the other, over HTTP/2 in plaintext and in TLS, of small answers and streams; some are
killed on the way, which leaves their streams as they are."""
import dataclasses
import json
import random
import re
import subprocess
import tempfile
import threading

import processes

_PATHS = ("/v1/chat/completions", "/v1/answer/20000", "/v1/events/20/2000/1", "/v1/events/500/0/8")


@dataclasses.dataclass
class Tally:
    runs: int = 0
    killed: int = 0
    requests: int = 0  # of the runs that came to their end
    wrong: int = 0
    first_wrong: str = ""


class Http2Visitors:
    """Comes and goes until it is left; the tally is whole then."""

    def __init__(self, bed, seed, tally):
        self._bed, self._dice, self.tally = bed, random.Random(seed), tally
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._body = tempfile.NamedTemporaryFile("w", suffix=".json")

    def __enter__(self):
        json.dump({"model": "tiny", "stream": True, "messages": [{"role": "user", "content": "x" * 500}]}, self._body)
        self._body.flush()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._body.close()

    def _run(self):
        while not self._end.is_set():
            self._visit()

    def _visit(self):
        dice = self._dice
        base = dice.choice((f"http://{self._bed.plain}", f"https://{self._bed.tls}"))
        connections = dice.randint(1, 8)
        killed = dice.random() < 0.4
        requests = 1_000_000 if killed else connections * dice.randint(1, 100)
        command = [*processes.on_cpu(processes.LOAD_CPU), "h2load", "-t1", "-d", self._body.name, "-H",
                   "content-type: application/json", f"-c{connections}", f"-m{dice.randint(1, 32)}", f"-n{requests}",
                   base + dice.choice(_PATHS)]
        patience = dice.uniform(0.02, 1.0) if killed else 120
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                said = process.communicate(timeout=patience)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                said = process.communicate()[0]
                if not killed:
                    self._count_wrong(f"no end after {patience} s: {command[-1]}")
                    return
        self.tally.runs += 1
        if killed:
            self.tally.killed += 1
            return
        self.tally.requests += requests
        good = re.search(r"(\d+) 2xx", said)
        if good is None or int(good[1]) != requests:
            lines = [line for line in said.splitlines() if line.startswith(("requests:", "status codes:"))]
            self._count_wrong(f"{' '.join(command[-4:])}: {'; '.join(lines) or said[-200:]}")

    def _count_wrong(self, what):
        self.tally.wrong += 1
        self.tally.first_wrong = self.tally.first_wrong or what
