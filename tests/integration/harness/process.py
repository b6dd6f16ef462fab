"""Child processes, and waiting with a bound."""

import contextlib
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

from . import wire

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN_DIR", SOURCE / "build" / "release" / "bin")).resolve()

# How long a wait may last before it counts as a hang. Nothing passes or fails by being a little slower.
PATIENCE = float(os.environ.get("SLUICE_TEST_PATIENCE", "60"))


def wait_until(condition, what):
    """Polls until `condition()` is true and returns its value; fails when the patience is used up."""
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {PATIENCE:g} s: {what}")
        time.sleep(0.01)


def connect(address):
    """`address` is (host, port) or the path of a unix socket."""
    if isinstance(address, str):
        s = socket.socket(socket.AF_UNIX)
    else:
        s = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        # As every client of HTTP/2 does: small frames must not wait for the peer's delayed acknowledgement.
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.settimeout(PATIENCE)
    s.connect(address)
    return wire.Wire(s)


def listen(host="127.0.0.1", backlog=256, receive_buffer=None, port=0):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    if receive_buffer is not None:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        s.bind((host, port))
    except OSError:
        s.close()
        raise
    s.listen(backlog)
    s.settimeout(PATIENCE)
    return s


def free_port():
    """For programs that cannot be given a socket. Another process may take the port first; none here does."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Running:
    """A process by its pid, whoever started it."""

    def __init__(self, pid):
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def ended(self):
        return bool(select.select([self._fd], [], [], 0)[0])

    def signal(self, number):
        if not self.ended():
            signal.pidfd_send_signal(self._fd, number)

    def close(self):
        os.close(self._fd)


class Process:
    """A program whose output goes to files. Ended by its pid, never by its name."""

    def __init__(self, command, folder, name, **options):
        self.command = [str(c) for c in command]
        if not pathlib.Path(self.command[0]).exists() and "/" in self.command[0]:
            raise FileNotFoundError(f"{self.command[0]} is not there; build it: cmake --preset release && "
                                    "cmake --build --preset release")
        self._out = folder / f"{name}.stdout"
        self._err = folder / f"{name}.stderr"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self._popen = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **options)
        self.pid = self._popen.pid

    @property
    def stdout(self):
        return self._out.read_text(errors="replace")

    @property
    def stderr(self):
        return self._err.read_text(errors="replace")

    def status(self):
        """The exit status, None while it runs; minus the signal's number if one ended it."""
        return self._popen.poll()

    def wait(self):
        wait_until(lambda: self.status() is not None, f"{self.command[0]} ends")
        return self.status()

    def signal(self, number):
        if self.status() is None:
            self._popen.send_signal(number)

    @contextlib.contextmanager
    def held(self):
        """The process stands still: what is sent to it meanwhile, it finds all at once."""
        self.signal(signal.SIGSTOP)
        try:
            wait_until(lambda: " (stopped)" in pathlib.Path(f"/proc/{self.pid}/status").read_text(), "it stands still")
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self):
        self.signal(signal.SIGKILL)
        self._popen.wait()

    def resident_bytes(self):
        return self._memory("VmRSS:")

    def own_bytes(self):
        """Memory that it fills itself: without the pages of its program, which are read as code is first run."""
        return self._memory("RssAnon:")

    def forget_peak(self):
        """From here on peak_resident_bytes() counts anew (proc(5), clear_refs)."""
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def peak_resident_bytes(self):
        return self._memory("VmHWM:")

    def _memory(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    def describe(self):
        status = self.status()
        state = "runs" if status is None else f"ended with {status}"
        tail = "\n".join("      " + line for line in (self.stdout + self.stderr).splitlines()[-40:])
        return f"    {' '.join(self.command)} ({state}):\n{tail}\n"
