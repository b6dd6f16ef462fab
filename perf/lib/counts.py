"""What noise does not touch: system calls by strace -c, user instructions by callgrind."""
import re
import signal
import subprocess
import time


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


def instructions(fleet, name, load):
    """User instructions per unit: the difference of two counts, so that start-up cancels out."""
    totals = []
    for units in (200, 1200):
        out = fleet.folder / f"callgrind-{name}-{time.monotonic_ns()}"
        proxy = fleet.start(name, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"])
        load(proxy, units)
        fleet.stop(proxy)
        totals.append(int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M).group(1)))
    return round((totals[1] - totals[0]) / 1000)
