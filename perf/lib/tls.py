"""TLS in perf/compare: one certificate and one set of parameters for all, and clients of our own."""
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import time

# Read by every program that uses OpenSSL. Where a program insists on something else, describe() shows it.
OPENSSL_CONF = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = parameters
[parameters]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
NumTickets = 1
"""


def prepare(folder):
    """Makes the certificate (ECDSA P-256) and has the programs that are started from now on use the parameters."""
    cert, key, conf = folder / "cert.pem", folder / "key.pem", folder / "openssl.cnf"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                    str(key), "-out", str(cert)], capture_output=True, check=True)
    conf.write_text(OPENSSL_CONF)
    os.environ["OPENSSL_CONF"] = str(conf)
    return cert, key


def _context(*protocols):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def describe(port):
    """What a server agrees to when it is asked for h2; tickets: how many it sends after a handshake."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-alpn", "h2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")  # it prints what the server says in HTTP/2
    time.sleep(0.5)  # the tickets follow the handshake
    out = client.communicate("")[0]  # it ends with its input
    found = re.search(r"^New, (\S+), Cipher is (\S+)", out, re.M)
    key = re.search(r"Server Temp Key: (\w+)", out)
    protocol = re.search(r"ALPN protocol: (\S+)", out)
    if not (found and key and protocol):
        raise RuntimeError("no handshake:\n" + out)
    return {"version": found[1], "cipher": found[2], "group": key[1], "protocol": protocol[1],
            "tickets": out.count("New Session Ticket arrived")}


def handshakes(port, seconds):
    """Full handshakes one after the other, each on a connection of its own that the server is waited for to close.
    Returns their number."""
    context = _context("http/1.1")
    deadline = time.monotonic() + seconds
    done = 0
    while time.monotonic() < deadline:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = context.wrap_bio(incoming, outgoing, server_side=False)
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    session.do_handshake()
                    break
                plain.sendall(outgoing.read())
                data = plain.recv(65536)
                if not data:
                    raise RuntimeError("the server ended a handshake")
                incoming.write(data)
            assert not session.session_reused
            with contextlib.suppress(ssl.SSLWantReadError):
                session.unwrap()  # puts close_notify behind what ends the handshake
            plain.sendall(outgoing.read())
            plain.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while plain.recv(65536):
                    pass
        done += 1
    return done


class Idle:
    """Connections that sent one request each, got the answer and stay open."""

    def __init__(self, port, protocol):
        self._port, self._context, self._protocol = port, _context(protocol), protocol
        self._open = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self._open:
            connection.close()

    def open(self, count):
        for _ in range(count):
            plain = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            connection = self._context.wrap_socket(plain)
            self._open.append(connection)
            if connection.selected_alpn_protocol() != self._protocol:
                raise RuntimeError(f"{connection.selected_alpn_protocol()} instead of {self._protocol}")
            (_ask_http2 if self._protocol == "h2" else _ask_http1)(connection)


BODY = json.dumps({"model": "tiny", "messages": []}).encode()


def _ask_http1(connection):
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
    answer = b""
    while not answer.endswith(b"}}"):
        answer += _received(connection)


def _frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(index, value):
    """A field that is not indexed, with a name of the static table (RFC 7541 6.2.2)."""
    prefix = bytes([index]) if index < 15 else bytes([15, index - 15])
    return prefix + bytes([len(value)]) + value


# POST, https, and the static table's :path, :authority, content-type and content-length.
HEAD = (b"\x83\x87" + _literal(4, b"/v1/chat/completions") + _literal(1, b"bench") +
        _literal(31, b"application/json") + _literal(28, b"%d" % len(BODY)))
SETTINGS, HEADERS, DATA, ACK, END_STREAM, END_HEADERS = 4, 1, 0, 1, 1, 4


def _ask_http2(connection):
    """Ends when the answer has; our SETTINGS and theirs are acknowledged by then."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS, 0, 0, b"") +
                       _frame(HEADERS, END_HEADERS, 1, HEAD) + _frame(DATA, END_STREAM, 1, BODY))
    received = b""
    while True:
        while len(received) < 9 or len(received) < 9 + int.from_bytes(received[:3], "big"):
            received += _received(connection)
        size, kind, flags = int.from_bytes(received[:3], "big"), received[3], received[4]
        received = received[9 + size:]
        if kind == SETTINGS and not flags & ACK:
            connection.sendall(_frame(SETTINGS, ACK, 0, b""))
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            return


def _received(connection):
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the server closed a connection")
    return data
