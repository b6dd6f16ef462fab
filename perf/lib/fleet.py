"""The proxies under test and the backends behind them."""
import pathlib

import load_program
import peers
import processes
import tls


class Proxy:
    """One running instance, with the program that loads it."""

    def __init__(self, name, process, site, program, event_bytes):
        self.name, self.process, self.site, self.program, self.event_bytes = name, process, site, program, event_bytes
        self.pids = processes.tree(process.pid)

    def to(self, _backend):
        """The address by which a backend is reached through it."""
        return f"127.0.0.1:{self.site.plain}"

    @property
    def http(self):
        return f"http://127.0.0.1:{self.site.plain}"

    @property
    def https(self):
        return f"https://127.0.0.1:{self.site.tls}"

    def cpu_ns(self):
        return processes.cpu_ns(self.pids)

    def pss_kib(self):
        return processes.pss_kib(self.pids)


class Direct:
    """What stands for a proxy on the direct path: none."""

    def __init__(self, program, ports):
        self.program, self._ports = program, ports

    def to(self, backend):
        return f"127.0.0.1:{self._ports[backend]}"


class Fleet:
    """Starts everything in a folder, and ends what it started and nothing else."""

    def __init__(self, folder, bin_folder):
        self.folder, self._bin = pathlib.Path(folder), pathlib.Path(bin_folder)
        self.program = load_program.Program(bin_folder)
        self._backend = None
        self._processes = processes.Processes(folder)

    def __enter__(self):
        self._cert, self._key = tls.prepare(self.folder)
        return self

    def __exit__(self, *_):
        self._processes.stop_all()
        if self._backend is not None:
            self._backend.stop()

    def _start_backends(self):
        self._backend = load_program.Backend(self.program)
        self._answer, self._events = processes.free_port(), self._backend.port
        self._processes.start(peers.answering(self._site(self._answer, self._answer, self._events)),
                              cpu=processes.LOAD_CPU, ports=[self._answer])

    def _site(self, plain, answer, events, threads=1):
        return peers.Site(folder=self.folder, bin=self._bin, plain=plain, tls=processes.free_port(), answer=answer,
                          events=events, cert=self._cert, key=self._key, threads=threads)

    def _start(self, name, site, wrapper, cpu):
        command = peers.PEERS[name](site, single_process=bool(wrapper))
        process = self._processes.start([*wrapper, *command], cpu=cpu, ports=[site.plain, site.tls])
        return Proxy(name, process, site, self.program, self._backend and self._backend.event_bytes)

    def start(self, name):
        """A fresh instance, on the proxies' processor, in front of backends that come with the first."""
        if self._backend is None:
            self._start_backends()
        site = self._site(processes.free_port(), self._answer, self._events)
        return self._start(name, site, (), processes.PROXY_CPU)

    def start_under(self, wrapper, name, backend, threads=1):
        """A fresh instance under a command that runs another, as one process, on any processor; all that it is asked for
        it has from the backend at that port."""
        site = self._site(processes.free_port(), backend, backend, threads)
        return self._start(name, site, wrapper, None)

    def direct(self):
        return Direct(self.program, {"answer": self._answer, "events": self._events})

    def stop(self, proxy):
        self._processes.stop(proxy.process)
