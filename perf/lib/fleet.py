"""The proxies under test and the backends behind them."""
import pathlib
import sys

import peers
import processes
import tls


class Proxy:
    """One running instance."""

    def __init__(self, name, process, site):
        self.name, self.process, self.site = name, process, site
        self.pids = processes.tree(process.pid)

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


class Fleet:
    """Starts everything in a folder, and ends what it started and nothing else."""

    def __init__(self, folder, bin_folder):
        self.folder, self._bin = pathlib.Path(folder), pathlib.Path(bin_folder)
        self._processes = processes.Processes(folder)

    def __enter__(self):
        self._cert, self._key = tls.prepare(self.folder)
        try:
            self._start_backends()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._processes.stop_all()

    def _start_backends(self):
        self._answer, self._events = processes.free_port(), processes.free_port()
        site = self._site(self._answer)
        self._processes.start(peers.answering(site), cpu=processes.LOAD_CPU, ports=[self._answer])
        backend = pathlib.Path(__file__).parent / "sse_backend.py"
        self._processes.start([sys.executable, backend, self._events], cpu=processes.LOAD_CPU, ports=[self._events])

    def _site(self, plain):
        return peers.Site(folder=self.folder, bin=self._bin, plain=plain, tls=processes.free_port(), answer=self._answer,
                          events=self._events, cert=self._cert, key=self._key)

    def start(self, name, wrapper=()):
        """A fresh instance; under a `wrapper`, a command that runs another, it stays one process."""
        site = self._site(processes.free_port())
        command = peers.PEERS[name](site, single_process=bool(wrapper))
        process = self._processes.start([*wrapper, *command], cpu=processes.PROXY_CPU, ports=[site.plain, site.tls])
        return Proxy(name, process, site)

    def stop(self, proxy):
        self._processes.stop(proxy.process)
