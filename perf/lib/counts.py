"""What noise does not touch: system calls by strace -c, user instructions and allocations by callgrind."""
import dataclasses
import re
import shutil
import signal
import subprocess
import tempfile
import time

import lockstep

# Rounds of the smaller and of the larger load.
ROUNDS = (10, 60)
# What hands out memory in the C library; operator new calls malloc.
_ALLOCATORS = {"malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc"}
# OpenSSL's own: four for each record that is sent, whoever uses it.
_NOT_OURS = {"CRYPTO_malloc", "CRYPTO_realloc"}


def _calls(proxy, load):
    attach = [argument for pid in proxy.pids for argument in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-c", "-f", *attach], stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)  # until it has attached
    units = load()
    tracer.send_signal(signal.SIGINT)
    # "% time, seconds, usecs/call, calls, [errors,] name"
    columns = [line.split() for line in tracer.communicate(timeout=30)[1].splitlines()]
    return units, {c[-1]: int(c[3]) for c in columns if len(c) >= 5 and c[3].isdigit()}


def system_calls(load, proxy):
    """System calls per unit, and those that make up most of it. `load(proxy, size)` is run twice; the difference of the
    counts is free of what connecting takes. The first, untraced, opens the connections to the backend."""
    load(proxy, 1)
    few, before = _calls(proxy, lambda: load(proxy, 1))
    many, after = _calls(proxy, lambda: load(proxy, 3))
    # What the smaller load alone made, such as growing the heap, is no part of a unit either.
    calls = {name: max(0, n - before.get(name, 0)) / (many - few) for name, n in after.items() if name != "total"}
    most = sorted(calls.items(), key=lambda item: -item[1])[:8]
    return {"total": round(sum(calls.values()), 2)} | {name: round(n, 2) for name, n in most if n >= 0.005}


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one unit, or of a whole run."""
    instructions: float
    allocations: float


def parse_callgrind(lines):
    """The cost of a run, from the file that callgrind writes about it (its manual, "Callgrind Format Specification")."""
    names, instructions, allocations = {}, None, 0
    caller = called = None
    for line in lines:
        if line.startswith(("fn=", "cfn=")):
            number, _, name = line.partition("=")[2].rstrip("\n").partition(" ")
            name = names.setdefault(number, name)  # told the first time alone
            if line.startswith("f"):
                caller = name
            else:
                called = name
        elif line.startswith("calls="):
            if called in _ALLOCATORS and caller not in _NOT_OURS:
                allocations += int(line[len("calls="):].split()[0])
        elif instructions is None and (total := re.match(r"(?:totals|summary): (\d+)", line)):
            instructions = int(total[1])
    if instructions is None:
        raise ValueError("callgrind wrote no total")
    return Cost(instructions, allocations)


def cost(fleet, name, load, threads=1, kept=None):
    """What a unit takes in user space: the difference of a smaller and a larger load, each of a fresh instance, so that
    its start and what connecting takes cancel out. `load(proxy, backend, rounds)` returns its units. `kept` is where the
    larger one's file is left."""
    runs = []
    for rounds in ROUNDS:
        with lockstep.backend() as backend, tempfile.NamedTemporaryFile("r", dir=fleet.folder) as out:
            callgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}"]
            proxy = fleet.start_under(callgrind, name, backend.port, threads)
            units = load(proxy, backend, rounds)
            fleet.stop(proxy)
            runs.append((units, parse_callgrind(out)))
            if kept and rounds == ROUNDS[-1]:
                shutil.copy(out.name, kept)
    (few, less), (many, more) = runs
    return Cost(round((more.instructions - less.instructions) / (many - few)),
                abs(round((more.allocations - less.allocations) / (many - few), 2)))
