"""A name server that the test plays: UDP and TCP on one free port of loopback."""

import ipaddress
import socket
import struct
import threading

from . import process

A, CNAME, AAAA, SRV = 1, 5, 28, 33
NXDOMAIN, SERVFAIL = 3, 2
# What a name may be told to do instead of having records.
FAILURES = ("nxdomain", "servfail", "empty", "silent", "malformed", "truncated")


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def _read_name(message, at):
    labels = []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels).lower(), at + 1


def _record(owner, kind, ttl, data):
    return wire_name(owner) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


class NameServer:
    """Names have records from `set` and `services`, or fail as `fail` says; every other is NXDOMAIN. A name with
    records of one type has none of the others. What it says changes at once, for every question from then on."""

    UDP_BYTES = 1200

    def __init__(self):
        while True:
            self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._udp.bind(("127.0.0.1", 0))
            self.port = self._udp.getsockname()[1]
            try:
                self._tcp = process.listen("127.0.0.1", port=self.port)
                break
            except OSError:  # another program has the TCP port
                self._udp.close()
        self.address = f"127.0.0.1:{self.port}"
        self._lock = threading.Lock()
        self._records = {}  # (name, type) -> records as bytes
        self._additional = {}  # name -> records as bytes
        self._failing = {}  # name or (name, type) -> one of FAILURES
        self.questions = []  # (name, type, "udp" or "tcp")
        self.delay = 0  # seconds until an answer over UDP leaves
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def set(self, name, *addresses, ttl=0, failing=()):
        """The addresses of a name, of either family. `failing`: pairs of a type and how its questions fail."""
        with self._lock:
            self._forget(name)
            self._failing.update({(name, kind): how for kind, how in failing})
            for text in addresses:
                address = ipaddress.ip_address(text)
                kind = A if address.version == 4 else AAAA
                self._records.setdefault((name, kind), []).append(_record(name, kind, ttl, address.packed))

    def services(self, name, *services, ttl=0, additional=()):
        """SRV records as (priority, weight, port, target), and (target, address) pairs that come along."""
        with self._lock:
            self._forget(name)
            self._records[(name, SRV)] = [_record(name, SRV, ttl, struct.pack(">HHH", *numbers) + wire_name(target))
                                          for *numbers, target in services]
            self._additional[name] = [_record(target, A, ttl, ipaddress.ip_address(address).packed)
                                      for target, address in additional]

    def fail(self, name, how):
        assert how in FAILURES, how
        with self._lock:
            self._failing[name] = how

    def count(self, name=None, over=None):
        with self._lock:
            return sum(1 for asked, _, way in self.questions if asked == (name or asked) and way == (over or way))

    def _forget(self, name):
        for known in (self._records, self._failing):
            for key in [k for k in known if k == name or k[0] == name]:
                del known[key]

    def _answer(self, message, way):
        name, end = _read_name(message, 12)
        kind = struct.unpack(">H", message[end:end + 2])[0]
        question = message[12:end + 4]
        with self._lock:
            self.questions.append((name, kind, way))
            how = self._failing.get((name, kind)) or self._failing.get(name)
            records = self._records.get((name, kind), [])
            known = any(known == name for known, _ in self._records)
            additional = self._additional.get(name, []) if kind == SRV else []
        if how == "silent":
            return None
        code = {"nxdomain": NXDOMAIN, "servfail": SERVFAIL}.get(how, 0 if known or how else NXDOMAIN)
        if how:
            records, additional = [], []
        flags = 0x8180 | code
        answers = b"".join(records)
        if way == "udp" and len(answers) > self.UDP_BYTES or how == "truncated":
            flags, records, answers, additional = flags | 0x0200, [], b"", []
        reply = message[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, len(additional)) + question
        reply += answers + b"".join(additional)
        return reply + b"\x01" if how == "malformed" else reply

    def _serve_udp(self):
        while True:
            try:
                message, peer = self._udp.recvfrom(4096)
                if not message:  # shutdown() woke it
                    return
                reply = self._answer(message, "udp")
                if reply and self.delay:
                    threading.Timer(self.delay, self._send, (reply, peer)).start()
                elif reply:
                    self._udp.sendto(reply, peer)
            except OSError:
                return

    def _send(self, reply, peer):
        try:
            self._udp.sendto(reply, peer)
        except OSError:
            pass  # the test is over

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self._tcp.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with connection:
                connection.settimeout(process.PATIENCE)
                try:
                    stream = connection.makefile("rb")
                    while head := stream.read(2):
                        reply = self._answer(stream.read(struct.unpack(">H", head)[0]), "tcp")
                        if reply:
                            connection.sendall(struct.pack(">H", len(reply)) + reply)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # shutdown() wakes the calls under way; close() alone would not.
        for s in (self._udp, self._tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        for thread in self._threads:
            thread.join(process.PATIENCE)
