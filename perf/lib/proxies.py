"""The proxies of perf/compare and the backends behind them, each a process of our own on a free port."""
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

BACKEND_CPU = "0"
PROXY_CPU = "1"
ANSWER = '{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",' \
         '"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'

NGINX = """
daemon off; worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.err;
{extra}
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/{name}-body; proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/t1; uwsgi_temp_path {folder}/t2; scgi_temp_path {folder}/t3;
  keepalive_requests 1000000; client_body_buffer_size 128k; {http}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen on {port}")


class Proxy:
    def __init__(self, name, port, pid):
        self.name, self.port, self.pid = name, port, pid

    def cpu_ns(self):
        return sum(int(f.read_text().split()[0]) for f in pathlib.Path(f"/proc/{self.pid}/task").glob("*/schedstat"))


class Fleet:
    """Starts processes in a folder and ends them, and only them."""

    def __init__(self, folder, bin_folder):
        self.folder, self.bin = pathlib.Path(folder), pathlib.Path(bin_folder)
        self.processes = []

    def __enter__(self):
        self.answer_port, self.events_port = free_port(), free_port()
        self._start_nginx("backend", BACKEND_CPU, f"""access_log off; server {{ listen 127.0.0.1:{self.answer_port};
            location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}""")
        here = pathlib.Path(__file__).parent
        self._start(["taskset", "-c", BACKEND_CPU, sys.executable, here / "sse_backend.py", self.events_port, "100", "0.05"])
        wait_for(self.events_port, self.processes[-1])
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.processes:
            try:
                p.wait(timeout=15)
            except subprocess.TimeoutExpired:
                p.kill()

    def _start(self, command):
        log = open(self.folder / "processes.log", "ab")
        self.processes.append(subprocess.Popen([str(c) for c in command], stdout=log, stderr=log))
        return self.processes[-1]

    def _start_nginx(self, name, cpu, http, extra="", wrapper=()):
        conf = self.folder / f"{name}.conf"
        conf.write_text(NGINX.format(folder=self.folder, name=name, http=http, extra=extra))
        return self._start(["taskset", "-c", cpu, *wrapper, "/usr/sbin/nginx", "-p", self.folder, "-c", conf])

    def _nginx_http(self, port):
        log = self.folder / f"nginx-{port}.log"
        return f"""access_log {log} combined buffer=64k flush=1s;
          upstream answer {{ server 127.0.0.1:{self.answer_port}; keepalive 64; keepalive_requests 1000000; }}
          upstream events {{ server 127.0.0.1:{self.events_port}; keepalive 64; }}
          server {{ listen 127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Connection "";
            location / {{ proxy_pass http://answer; }}
            location /v1/events {{ proxy_pass http://events; proxy_buffering off; }} }}"""

    def nginx(self):
        port = free_port()
        process = self._start_nginx("nginx", PROXY_CPU, self._nginx_http(port))
        wait_for(port, process)
        worker = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()[0]
        return Proxy("nginx", port, int(worker))

    def _sluice_command(self, port):
        conf = self.folder / f"sluice-{port}.yaml"
        conf.write_text(f"""version: 1
listeners: [{{name: bench, address: 127.0.0.1:{port}}}]
admin: {{enabled: false}}
clusters:
  - {{name: answer, endpoints: [{{address: 127.0.0.1:{self.answer_port}}}]}}
  - {{name: events, endpoints: [{{address: 127.0.0.1:{self.events_port}}}]}}
routes:
  - {{match: {{path: {{prefix: /v1/events}}, model: tiny}}, clusters: [{{name: events}}]}}
  - {{match: {{path: {{prefix: /v1/}}, model: tiny}}, clusters: [{{name: answer}}]}}
observability: {{access_log: {{file: {self.folder}/sluice-{port}.log}}}}
""")
        return [self.bin / "sluice", "--config", conf, "--threads", "1"]

    def sluice(self):
        port = free_port()
        process = self._start(["taskset", "-c", PROXY_CPU, *self._sluice_command(port)])
        wait_for(port, process)
        return Proxy("sluice", port, process.pid)

    def instructions(self, name, load):
        """User instructions per request by callgrind: the difference of two counts, so that start-up cancels out."""
        totals = []
        for n in (200, 1200):
            port = free_port()
            out = self.folder / f"callgrind-{name}-{n}"
            wrapper = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
            if name == "nginx":
                process = self._start_nginx(f"nginx-{n}", PROXY_CPU, self._nginx_http(port), "master_process off;", wrapper)
            else:
                process = self._start(["taskset", "-c", PROXY_CPU, *wrapper, *self._sluice_command(port)])
            wait_for(port, process)
            load(port, n)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=120)
            totals.append(int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.M).group(1)))
        return round((totals[1] - totals[0]) / 1000)


def system_calls(proxy, load):
    """System calls per request over one load, counted by strace -c."""
    tracer = subprocess.Popen(["strace", "-c", "-f", "-p", str(proxy.pid)], stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)  # until it has attached
    units = load()
    tracer.send_signal(signal.SIGINT)
    report = tracer.communicate(timeout=30)[1]
    # "% time, seconds, usecs/call, calls, [errors,] total"
    total = next(line.split() for line in report.splitlines() if line.endswith("total"))
    return int(total[3]) / units
