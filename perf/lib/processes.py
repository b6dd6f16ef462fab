"""The processes of perf/compare: started in one folder, on fixed processors, and what the kernel accounts to them."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

LOAD_CPU = "0"  # backends and loads
PROXY_CPU = "1"  # the proxy under test, alone


def on_cpu(cpu):
    """What a command begins with to run on that processor alone; nothing for None, and where there is but one."""
    return ["taskset", "-c", cpu] if cpu is not None and (os.cpu_count() or 1) > int(cpu) else []


@contextlib.contextmanager
def children_on(cpu, threads=1):
    """What is started meanwhile runs on that processor alone, if one is enough for it and there are others."""
    before = os.sched_getaffinity(0)
    if threads == 1 and (os.cpu_count() or 1) > int(cpu):
        os.sched_setaffinity(0, {int(cpu)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _wait_for(port, process, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen on {port}")


class Processes:
    """Starts processes and ends them, and only them. Their output goes to `processes.log` in the folder."""

    def __init__(self, folder):
        self.log = pathlib.Path(folder) / "processes.log"
        self._started = []

    def start(self, command, *, cpu, ports):
        with open(self.log, "ab") as log:
            process = subprocess.Popen([*on_cpu(cpu), *map(str, command)], stdout=log, stderr=log)
        self._started.append(process)
        for port in ports:
            _wait_for(port, process, self.log)
        return process

    def stop(self, process):
        """SIGTERM, which each of them passes on to what it started; SIGKILL to what is left after a while."""
        if process.poll() is not None:
            return
        family = tree(process.pid)
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def stop_all(self):
        for process in reversed(self._started):
            self.stop(process)


def tree(pid):
    """The process and all that it started."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def cpu_ns(pids):
    """CPU time of all their threads, user and system."""
    return sum(int(f.read_text().split()[0]) for pid in pids
               for f in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def pss_kib(pids):
    """Their memory; pages that several share count in proportion."""
    return _memory_kib(pids, "Pss:")


def rss_kib(pids):
    """Their memory; pages that several share count in each."""
    return _memory_kib(pids, "Rss:")


def _memory_kib(pids, kind):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(kind):
                total += int(line.split()[1])
    return total
