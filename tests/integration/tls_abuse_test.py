#!/usr/bin/python3
"""Hundreds of connections that misuse TLS: they cost little, are let go in time, and nobody else notices."""

import ssl
import subprocess

from harness import downstream, process, tls
from harness.abuse import Scene
from harness.suite import main, test

MANY = 500
# What so many connections may add to the gateway's memory.
ALLOWED = 32 * 1024 * 1024


def abuse(sentence):
    for_all = [p for p in downstream.SPOKEN if p.encrypted][:1]

    def register(function):
        for protocol in for_all:

            @test(sentence)
            def _(t, protocol=protocol):
                function(lambda **options: Scene(t, protocol, **options))

        return function

    return register


def hello():
    """The bytes of a client's first flight."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls.client_context("http/1.1").wrap_bio(incoming, outgoing, server_hostname="gateway")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def crowd(name, first, *, counted):
    @abuse(f"{MANY} clients that {name} cost little, and are let go")
    def _(scene):
        stage = scene(tls={"handshake_timeout": "3s"}, http={"idle_timeout": "3s"})
        before = stage.peak = stage.sluice.own_bytes()
        clients = [process.connect(stage.sluice.address) for _ in range(MANY)]
        for client in clients:
            client.send(first)
        stage.bystander.serves(50)
        stage.watch()
        assert stage.peak - before <= ALLOWED, f"the gateway has grown by {stage.peak - before} bytes"
        for client in clients:
            client.read_to_end()
            client.leave()
        if counted:
            failures = stage.sluice.metrics().sum("sluice_downstream_tls_handshake_failures_total", reason="timeout")
            assert failures == MANY, failures
        stage.bystander.serves(20)
        stage.bystander.leave()


HELLO = hello()
crowd("say nothing", b"", counted=False)
crowd("send one byte", HELLO[:1], counted=True)
crowd("send half of their hello", HELLO[:len(HELLO) // 2], counted=True)
crowd("send their hello and no more", HELLO, counted=True)


@abuse(f"{MANY} clients that end their handshake and ask for nothing cost little, and are let go")
def _(scene):
    stage = scene(http={"idle_timeout": "10s"})
    before = stage.peak = stage.sluice.own_bytes()
    clients = [tls.connect(stage.sluice.address, "http/1.1") for _ in range(MANY)]
    stage.watch()
    assert stage.peak - before <= ALLOWED, f"the gateway has grown by {stage.peak - before} bytes"
    stage.bystander.serves(20)
    for client in clients:
        client.leave()
    stage.bystander.serves(20)
    stage.bystander.leave()


@abuse("a client that asks for new keys again and again costs little")
def _(scene):
    stage = scene()
    before = stage.peak = stage.sluice.own_bytes()
    command = ["openssl", "s_client", "-tls1_3", "-connect", "%s:%d" % stage.sluice.address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as attacker:
        for _ in range(300):
            attacker.stdin.write(b"K\n")
            attacker.stdin.flush()
            while b"KEYUPDATE" not in attacker.stderr.readline():
                assert attacker.poll() is None, "the client has ended"
        stage.watch()
        attacker.kill()
    stage.unharmed(before)


main()
