#!/usr/bin/python3
"""Backends over TLS: who is trusted, what an operator learns about one that is not, and that work still ends at once."""

import os
import shutil

from harness import gateway, pairs, process
from harness.http import EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, request
from harness.suite import Skipped, main, test

GET = b"GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n"


def cluster(*addresses, **settings):
    return {"name": "models", "endpoints": [{"address": a} for a in addresses], "tls": settings}


def gateway_to(t, *addresses, retry=None, pool=None, **settings):
    settings.setdefault("ca_file", pairs.path("ca.pem"))
    made = cluster(*addresses, **{k: v for k, v in settings.items() if v is not None})
    return t.gateway(gateway.config(clusters=[made | ({"pool": pool} if pool else {})], retry=retry or {"attempts": 1}))


def handshakes(sluice, **labels):
    return sluice.metrics().sum("sluice_upstream_tls_handshakes_total", cluster="models", **labels)


def failures(sluice, **labels):
    return sluice.metrics().sum("sluice_upstream_tls_handshake_failures_total", cluster="models", **labels)


def serve_one(t, upstream, sluice, body=b"hello"):
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    received = backend.read_request()
    backend.send(answer(body))
    assert client.read_response().body == body
    return backend, received


@test("a backend is spoken to over TLS, asked for by its name, and its connection used again")
def _(t):
    upstream = t.enter(pairs.Upstream())
    asked = []
    upstream.context.sni_callback = lambda _s, name, _c: asked.append(name)
    sluice = gateway_to(t, upstream.address, server_name="backend.test")
    backend, received = serve_one(t, upstream, sluice)
    assert backend.socket.version() == "TLSv1.3" and asked == ["backend.test"]
    assert received.get("x-forwarded-proto") == "http"
    client = t.connect(sluice)
    client.send(GET)
    backend.read_request()
    backend.send(answer(b"again"))
    assert client.read_response().body == b"again"
    assert handshakes(sluice, version="1.3", resumed="false") == 1


def start_speaking(t, protocol, upstream):
    models = cluster(upstream.address, ca_file=pairs.path("ca.pem"), server_name="backend.test") | {"protocol": protocol}
    return t.gateway(gateway.config(clusters=[models], retry={"attempts": 1}))


@test("protocol auto speaks HTTP/1.1 with a backend that knows no other, whether it says so or not")
def _(t):
    for spoken in ([], ["http/1.1"]):
        upstream = t.enter(pairs.Upstream())
        if spoken:
            upstream.context.set_alpn_protocols(spoken)
        sluice = start_speaking(t, "auto", upstream)
        backend, _ = serve_one(t, upstream, sluice)
        assert backend.socket.selected_alpn_protocol() == (spoken[0] if spoken else None)
        client = t.connect(sluice)
        client.send(GET)
        backend.read_request()
        backend.send(answer(b"again"))
        assert client.read_response().body == b"again"


@test("protocol h2 takes a backend that does not agree to HTTP/2 for one that cannot be connected to")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = start_speaking(t, "h2", upstream)
    client = t.connect(sluice)
    client.send(GET)
    assert upstream.accept().read_to_end() == b"", "no byte of the request"
    assert client.read_response().status == 503
    line = sluice.access_log(1)[0]
    assert line["error"] == "connect_failed", line
    assert line["detail"] == f"{upstream.address} does not agree to speak HTTP/2", line
    assert sluice.metrics().sum("sluice_upstream_connect_failures_total") == 1


@test("an address is checked as an address")
def _(t):
    upstream = t.enter(pairs.Upstream())
    serve_one(t, upstream, gateway_to(t, upstream.address))


@test("a backend of another name or authority, or an expired one, is a failed connect that says why")
def _(t):
    for name, settings, reason, words in (
            ("backend", {"server_name": "other.test"}, "name", "hostname mismatch"),
            ("site-ec", {}, "name", "IP address mismatch"),
            ("backend", {"ca_file": pairs.path("other-ca.pem")}, "certificate", "unable to get local issuer certificate"),
            ("expired", {"server_name": "expired.test"}, "certificate", "certificate has expired"),
            ("backend", {"ca_file": None}, "certificate", "unable to get local issuer certificate")):
        upstream = t.enter(pairs.Upstream(name))
        sluice = gateway_to(t, upstream.address, **settings)
        client = t.connect(sluice)
        client.send(GET)
        upstream.refuse()
        refused = client.read_response()
        assert refused.status == 503, refused
        assert words.encode() not in refused.body, "for operators, not for clients"
        line = sluice.access_log(1)[0]
        assert line["error"] == "connect_failed" and words in line["detail"], line
        assert failures(sluice, reason=reason) == 1
        assert sluice.metrics().sum("sluice_upstream_connect_failures_total") == 1


@test("another endpoint is tried where one cannot prove who it is")
def _(t):
    bad, good = t.enter(pairs.Upstream("stranger")), t.enter(pairs.Upstream())
    sluice = gateway_to(t, bad.address, good.address, server_name="backend.test", retry={"attempts": 3})
    # Round about half of the requests meet the bad one first; the good one answers in any case.
    for _ in range(6):
        client = t.connect(sluice)
        client.send(GET)
        while True:
            if not bad.nobody_waits():
                bad.refuse()
            if not good.nobody_waits():
                break
        backend = good.accept()
        backend.read_request()
        backend.send(answer(b"good"))
        assert client.read_response().body == b"good"
        backend.leave()
        client.leave()


@test("without verification any certificate will do")
def _(t):
    upstream = t.enter(pairs.Upstream("expired"))
    serve_one(t, upstream, gateway_to(t, upstream.address, verify=False, ca_file=None))


@test("the gateway shows its own certificate to a backend that asks")
def _(t):
    upstream = t.enter(pairs.Upstream(client_authority="ca"))
    backend, _ = serve_one(t, upstream, gateway_to(t, upstream.address, certificate=pairs.pair("client")))
    subject = dict(pair[0] for pair in backend.socket.getpeercert()["subject"])
    assert subject["commonName"] == "crawler"


@test("a second connection to a backend resumes the session")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address, pool={"max_idle": 0})
    for _ in range(3):
        serve_one(t, upstream, sluice)
    assert handshakes(sluice, resumed="false") == 1
    assert handshakes(sluice, resumed="true") == 2


@test("a backend that never ends its handshake is a connect that timed out")
def _(t):
    upstream = t.upstream()
    made = cluster(upstream.address, ca_file=pairs.path("ca.pem"))
    sluice = t.gateway(gateway.config(clusters=[made], retry={"attempts": 1}, timeouts={"connect": "300ms"}))
    client = t.connect(sluice)
    client.send(GET)
    assert client.read_response().status == 504
    line = sluice.access_log(1)[0]
    assert line["error"] == "connect_timeout" and "handshake" in line["detail"], line
    assert failures(sluice, reason="timeout") == 1


@test("a backend that speaks plain HTTP is told apart")
def _(t):
    upstream = t.upstream()
    sluice = gateway_to(t, upstream.address)
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_exactly(5)
    backend.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert client.read_response().status == 503
    assert failures(sluice, reason="protocol") == 1


@test("a client that leaves ends the work of a backend behind TLS")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address)
    client = t.connect(sluice)
    client.send(request(body=chat(stream=True)))
    backend = upstream.accept()
    backend.read_request()
    backend.send(EVENTS_HEAD + chunk(event("a")))
    client.read_until(b"data: ")
    client.leave()
    backend.expect_end()
    sluice.wait_idle()
    assert sluice.endpoints()[upstream.address]["in_flight"] == 0


@test("an answer that ends without a goodbye is cut, and not taken for a whole one")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address)
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    client.read_until(b"half")
    backend.leave()  # Python's close() sends no close_notify
    try:
        rest = client.read_to_end()
        assert not rest.endswith(b"0\r\n\r\n"), rest
    except EOFError:
        pass
    assert sluice.access_log(1)[0]["error"] == "upstream_cut"


@test("an answer that ends with a goodbye is whole")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address)
    client = t.connect(sluice)
    client.send(GET)
    backend = upstream.accept()
    backend.read_request()
    backend.send(b"HTTP/1.1 200 OK\r\n\r\nwhole")
    backend.socket.settimeout(1)
    try:
        backend.socket.unwrap()
    except OSError:
        pass
    backend.leave()
    assert client.read_response().body == b"whole"


@test("large answers pass whole, with nginx as the backend, which asks for a certificate")
def _(t):
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        raise Skipped("no nginx")
    probe = process.listen()
    port = probe.getsockname()[1]
    probe.close()
    site = t.folder / "nginx"
    (site / "files").mkdir(parents=True)
    content = bytes(range(256)) * 20_000
    (site / "files" / "large").write_bytes(content)
    pair = pairs.pair("backend")
    (site / "nginx.conf").write_text(f"""
{"user root;" if os.getuid() == 0 else ""}
daemon off; pid {site}/pid; error_log {site}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {site}/body; client_max_body_size 64m;
  proxy_temp_path {site}/p; fastcgi_temp_path {site}/f; uwsgi_temp_path {site}/u; scgi_temp_path {site}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {pair["cert_file"]}; ssl_certificate_key {pair["key_file"]};
    ssl_client_certificate {pairs.path("ca.pem")}; ssl_verify_client on;
    location /large {{ root {site}/files; }}
    location /who {{ return 200 "$ssl_client_s_dn $ssl_protocol"; }}
  }}
}}
""")
    t.program(nginx, "-c", str(site / "nginx.conf"), "-e", str(site / "error.log"))
    sluice = gateway_to(t, f"127.0.0.1:{port}", certificate=pairs.pair("client"), retry={"attempts": 3})

    def ask(path):
        client = t.connect(sluice)
        client.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        return client.read_response()

    sluice.wait_until(lambda: ask("/who").status == 200, "nginx is there")
    who = ask("/who").body
    assert b"CN=crawler" in who and who.endswith(b" TLSv1.3"), who
    assert ask("/large").body == content


@test("an authority or a certificate for backends that cannot be used leaves the old ones in force and says why")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address)
    for settings, why in (({"ca_file": pairs.path("client.key")}, "clusters[0].tls.ca_file"),
                          ({"ca_file": str(t.folder / "none.pem")}, "cannot be opened: No such file or directory"),
                          ({"certificate": {"cert_file": pairs.path("client.pem"), "key_file": pairs.path("backend.key")}},
                           "is not the key of the certificate")):
        changed = gateway.config(clusters=[cluster(upstream.address, **{"ca_file": pairs.path("ca.pem")} | settings)])
        assert sluice.reload(changed)["message"] == "configuration not reloaded"
        assert why in sluice.stderr, sluice.stderr
    serve_one(t, upstream, sluice)


@test("another authority in the configuration counts for the next connection")
def _(t):
    upstream = t.enter(pairs.Upstream())
    sluice = gateway_to(t, upstream.address)
    serve_one(t, upstream, sluice)
    changed = gateway.config(clusters=[cluster(upstream.address, ca_file=pairs.path("other-ca.pem"))], retry={"attempts": 1})
    assert sluice.reload(changed)["message"] == "configuration reloaded"
    client = t.connect(sluice)
    client.send(GET)
    upstream.refuse()
    assert client.read_response().status == 503


main()
