"""How each proxy is told to do the same: one worker, one plain and one TLS port, two backends, an access log.

What TLS offers is set for all of them alike by the OpenSSL configuration of `tls.py`.
"""
import dataclasses
import os
import pathlib


@dataclasses.dataclass(frozen=True)
class Site:
    """One instance of one proxy: its files and ports, and those of what stands behind it."""
    folder: pathlib.Path
    bin: pathlib.Path  # where sluice is
    plain: int
    tls: int
    answer: int
    events: int
    cert: pathlib.Path
    key: pathlib.Path
    threads: int = 1  # Sluice's

    def write(self, name, text):
        path = self.folder / f"{self.plain}-{name}"
        path.write_text(text)
        return path


NGINX = """
daemon off; worker_processes 1; pid {folder}/{plain}.pid; error_log {folder}/{plain}.err;
{extra}
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path {folder}/{plain}-body; proxy_temp_path {folder}/{plain}-proxy;
  fastcgi_temp_path {folder}/t1; uwsgi_temp_path {folder}/t2; scgi_temp_path {folder}/t3;
  keepalive_requests 1000000; keepalive_timeout 300s; client_body_buffer_size 128k; http2_max_concurrent_streams 128;
  {http}
}}
"""


ANSWER = '{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",' \
         '"content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}'


def _nginx(site, http, extra=""):
    conf = site.write("nginx.conf", NGINX.format(folder=site.folder, plain=site.plain, http=http, extra=extra))
    return ["/usr/sbin/nginx", "-p", site.folder, "-c", conf]


def nginx(site, single_process=False):
    return _nginx(site, f"""
  access_log {site.folder}/{site.plain}-access.log combined buffer=64k flush=1s;
  upstream answer {{ server 127.0.0.1:{site.answer}; keepalive 512; keepalive_requests 1000000; }}
  upstream events {{ server 127.0.0.1:{site.events}; keepalive 512; }}
  server {{
    listen 127.0.0.1:{site.plain}; listen 127.0.0.1:{site.tls} ssl http2;
    ssl_protocols TLSv1.3; ssl_certificate {site.cert}; ssl_certificate_key {site.key};
    proxy_http_version 1.1; proxy_set_header Connection "";
    location / {{ proxy_pass http://answer; }}
    location /v1/events {{ proxy_pass http://events; proxy_buffering off; }}
  }}""", "master_process off;" if single_process else "")


def answering(site):
    """The backend: nginx that gives the same answer to every request."""
    return _nginx(site, f"""access_log off; server {{ listen 127.0.0.1:{site.plain};
  location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}""")


def haproxy(site, single_process=False):
    """Logs a line per request with one write; it has no buffered log. Without http-no-delay it lets events wait for more to
    send along, up to 200 ms: its operators set it for streams."""
    pair = site.write("pair.pem", site.cert.read_text() + site.key.read_text())
    conf = site.write("haproxy.cfg", f"""
global
  nbthread 1
  maxconn 8192
  log stdout len 1024 format raw local0
  tune.h2.max-concurrent-streams 128
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
  http-reuse always
frontend bench
  bind 127.0.0.1:{site.plain}
  bind 127.0.0.1:{site.tls} ssl crt {pair} alpn h2,http/1.1
  use_backend events if {{ path_beg /v1/events }}
  default_backend answer
backend answer
  server a 127.0.0.1:{site.answer}
backend events
  option http-no-delay
  server e 127.0.0.1:{site.events}
""")
    return ["/usr/sbin/haproxy", "-db", "-f", conf]


def nghttpx(site, single_process=False):
    """Logs a line per request with one write; it has no buffered log."""
    return ["/usr/sbin/nghttpx", "--conf=/dev/null", f"--frontend=127.0.0.1,{site.plain};no-tls",
            f"--frontend=127.0.0.1,{site.tls}", f"--backend=127.0.0.1,{site.answer};/",
            f"--backend=127.0.0.1,{site.events};/v1/events/", "--workers=1", "--no-ocsp",
            "--frontend-http2-max-concurrent-streams=128", "--backend-keep-alive-timeout=60s",
            "--frontend-http2-read-timeout=300s", "--frontend-keep-alive-timeout=300s",
            f"--accesslog-file={site.folder}/{site.plain}-access.log", f"--errorlog-file={site.folder}/{site.plain}.err",
            *(["--single-process"] if single_process else []), site.key, site.cert]


def h2o(site, single_process=False):
    """Logs a line per request with one write; it has no buffered log. Keys stay in the process, as with the others."""
    # Started by root it would become nobody, who cannot write into the folder.
    user = "user: root" if os.getuid() == 0 else ""
    conf = site.write("h2o.yaml", f"""
{user}
num-threads: 1
num-name-resolution-threads: 1
max-connections: 8192
http1-request-timeout: 300
http2-idle-timeout: 300
http2-max-concurrent-requests-per-connection: 128
ssl-session-resumption: {{mode: ticket}}
access-log: {site.folder}/{site.plain}-access.log
error-log: {site.folder}/{site.plain}.err
listen: {{host: 127.0.0.1, port: {site.plain}}}
listen:
  host: 127.0.0.1
  port: {site.tls}
  ssl: {{certificate-file: {site.cert}, key-file: {site.key}, neverbleed: OFF, ocsp-update-interval: 0}}
hosts:
  default:
    paths:
      /v1/events: {{proxy.reverse.url: "http://127.0.0.1:{site.events}/v1/events", proxy.timeout.keepalive: 60000}}
      /: {{proxy.reverse.url: "http://127.0.0.1:{site.answer}/", proxy.timeout.keepalive: 60000}}
""")
    return ["/usr/bin/h2o", "-c", conf]


def sluice(site, single_process=False):
    pool = "pool: {max_connections: 4096, max_idle: 512}"
    conf = site.write("sluice.yaml", f"""version: 1
listeners:
  - {{name: plain, address: 127.0.0.1:{site.plain}}}
  - name: tls
    address: 127.0.0.1:{site.tls}
    http: {{max_streams: 128}}
    tls: {{min_version: "1.3", certificates: [{{cert_file: {site.cert}, key_file: {site.key}}}]}}
admin: {{enabled: false}}
clusters:
  - {{name: answer, endpoints: [{{address: 127.0.0.1:{site.answer}}}], {pool}}}
  - {{name: events, endpoints: [{{address: 127.0.0.1:{site.events}}}], {pool}}}
routes:
  - {{match: {{path: {{prefix: /v1/events}}, model: tiny}}, clusters: [{{name: events}}]}}
  - {{match: {{path: {{prefix: /v1/}}, model: tiny}}, clusters: [{{name: answer}}]}}
observability: {{access_log: {{file: {site.folder}/{site.plain}-access.log}}}}
""")
    return [site.bin / "sluice", "--config", conf, "--threads", str(site.threads)]


# By name; Sluice first.
PEERS = {"sluice": sluice, "nginx": nginx, "haproxy": haproxy, "nghttpx": nghttpx, "h2o": h2o}
