#!/usr/bin/python3
"""Endpoints that come and go: by a name's addresses, by SRV records, by a file; what goes wrong and what stays."""

import json
import os
import subprocess

from harness import dns, gateway, process, upstream
from harness.http import (DONE, EVENTS_HEAD, LAST_CHUNK, answer, chat, chunk, event, openai_error, request)
from harness.suite import main, test

# Asked again soon, so that no test waits long; what is asserted never depends on how soon.
SOON = {"min_refresh": "100ms", "max_refresh": "300ms", "timeout": "300ms"}


def ask(client, **fields):
    client.send(request(body=chat(**fields)))
    return client.read_response()


def backends(t, *hosts):
    """Backends on one port of these addresses; each answers with its address."""
    for _ in range(20):
        opened = []
        try:
            for host in hosts:
                name = host.encode()
                opened.append(upstream.ServingUpstream(lambda _r, c, name=name: c.send(answer(name)), host,
                                                       opened[0].port if opened else 0))
        except OSError:  # another program has the port at one of the addresses
            for backend in opened:
                backend.__exit__(None, None, None)
            continue
        for backend in opened:
            t.enter(backend)
        return opened
    raise AssertionError("no port is free at all of the addresses")


def config(discovery, **fields):
    return gateway.config(clusters=[{"name": "models", "discovery": SOON | discovery} | fields])


def by_dns(server, port, **fields):
    return config({"dns": f"gpu.test:{port}", "nameservers": [server.address]}, **fields)


def page(sluice):
    return sluice.json_page("/clusters")["clusters"][0]


def wait_endpoints(sluice, *addresses):
    """Waits until exactly these are known, and every shard has been told: a scrape asks them after that."""
    sluice.wait_until(lambda: sorted(sluice.endpoints()) == sorted(addresses), f"the endpoints are {addresses}")
    sluice.metrics()


def wait_outcome(sluice, outcome, more_than=0):
    def counted():
        count = sluice.metrics().sum("sluice_discovery_resolutions_total", cluster="models", outcome=outcome)
        return count if count > more_than else 0
    return sluice.wait_until(counted, f"an outcome {outcome}")


def answered_by(t, sluice, clients=24):
    """Who answers requests on many connections, which the kernel spreads over the shards."""
    connections = [t.connect(sluice) for _ in range(clients)]
    said = {ask(c).body.decode() for c in connections for _ in range(2)}
    for connection in connections:
        connection.leave()
    return said


# A name's addresses ----------------------------------------------------------------------------------------------


@test("a change of a name's addresses reaches every shard, and a stream on an address that went stays whole")
def _(t):
    server = t.enter(dns.NameServer())
    one, two, three = backends(t, "127.0.0.1", "127.0.0.2", "127.0.0.3")
    server.set("gpu.test", "127.0.0.1", "127.0.0.2")
    sluice = t.gateway(by_dns(server, one.port, load_balancer={"policy": "round_robin"}), threads=2)
    wait_endpoints(sluice, one.address, two.address)
    assert answered_by(t, sluice) == {"127.0.0.1", "127.0.0.2"}

    held = t.upstream(host="127.0.0.4", port=one.port)
    server.set("gpu.test", "127.0.0.4")
    wait_endpoints(sluice, held.address)
    streams = []
    while {s["shard"] for s in sluice.streams()} != {0, 1}:
        assert len(streams) < 64, "the kernel gives every connection to one shard"
        client = t.connect(sluice)
        client.send(request(body=chat(stream=True)))
        backend = held.accept()
        backend.read_request()
        backend.send(EVENTS_HEAD + chunk(event("a")))
        client.read_until(b"data: ")
        streams.append((client, backend))

    server.set("gpu.test", "127.0.0.2", "127.0.0.3")
    wait_endpoints(sluice, two.address, three.address)
    assert answered_by(t, sluice) == {"127.0.0.2", "127.0.0.3"}
    for client, backend in streams:
        backend.send(chunk(event("b")) + chunk(DONE) + LAST_CHUNK)
        client.read_until(b"[DONE]")
        # Nobody may use the connection again.
        backend.expect_end()
    change = {"added": f"{two.address} {three.address}", "removed": held.address}
    sluice.wait_until(lambda: any(change.items() <= c.items() for c in sluice.said("endpoints discovered")),
                      "the log names what came and went")


@test("whatever a name server does, the last good endpoints serve on, and metrics and the log say what is wrong")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.set("gpu.test", "127.0.0.1")
    sluice = t.gateway(by_dns(server, backend.port), threads=2)
    wait_endpoints(sluice, backend.address)
    client = t.connect(sluice)
    for how, outcome in (("nxdomain", "no_name"), ("servfail", "server_failure"), ("empty", "empty"),
                         ("silent", "timeout"), ("malformed", "malformed"), ("truncated", "malformed")):
        before = sluice.metrics().sum("sluice_discovery_resolutions_total", outcome=outcome)
        server.fail("gpu.test", how)
        wait_outcome(sluice, outcome, more_than=before)
        assert ask(client).body == b"127.0.0.1", how
        assert list(sluice.endpoints()) == [backend.address], how
        metrics = sluice.metrics()
        assert metrics.sum("sluice_discovery_endpoints", cluster="models") == 1
        assert metrics.sum("sluice_discovery_last_success_timestamp_seconds", cluster="models") > 1e9
    discovery = page(sluice)["discovery"]
    assert discovery["outcome"] == "malformed" and "truncated" in discovery["problem"], discovery
    assert discovery["failures"] >= 6 and discovery["last_success_seconds"] > 0, discovery
    server.set("gpu.test", "127.0.0.1")
    sluice.wait_until(lambda: sluice.said("discovery works again"), "discovery recovers")
    failed = sluice.said("discovery fails, the last good endpoints stay")
    assert len(failed) == 1 and failed[0]["outcome"] == "no_name" and failed[0]["level"] == "warning", failed
    assert page(sluice)["discovery"]["problem"] is None


@test("a name server that is gone is a failure like others")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.set("gpu.test", "127.0.0.1")
    sluice = t.gateway(by_dns(server, backend.port))
    wait_endpoints(sluice, backend.address)
    server.__exit__()
    wait_outcome(sluice, "unreachable")
    assert ask(t.connect(sluice)).body == b"127.0.0.1"


@test("without an answer yet the gateway serves, requests meet no endpoint, and the first answer brings them")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.fail("gpu.test", "silent")
    sluice = t.gateway(by_dns(server, backend.port))
    client = t.connect(sluice)
    refused = ask(client)
    assert refused.status == 503 and openai_error(refused)["code"] == "no_endpoint", refused
    assert sluice.metrics().sum("sluice_discovery_last_success_timestamp_seconds", cluster="models") == 0
    server.set("gpu.test", "127.0.0.1")
    wait_endpoints(sluice, backend.address)
    assert ask(client).body == b"127.0.0.1"


@test("one family that fails keeps its addresses beside the other's new ones")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    v6 = f"[::1]:{backend.port}"
    server.set("gpu.test", "127.0.0.9", "::1")
    sluice = t.gateway(by_dns(server, backend.port))
    wait_endpoints(sluice, f"127.0.0.9:{backend.port}", v6)
    server.set("gpu.test", "127.0.0.1", failing=[(dns.AAAA, "servfail")])
    wait_outcome(sluice, "partial")
    wait_endpoints(sluice, backend.address, v6)
    server.set("gpu.test", "127.0.0.1")
    wait_endpoints(sluice, backend.address)


@test("an answer too long for UDP comes over TCP, and endpoints beyond the bound are left out and told")
def _(t):
    server = t.enter(dns.NameServer())
    server.set("gpu.test", *(f"127.0.1.{i}" for i in range(1, 201)))
    sluice = t.gateway(config({"dns": "gpu.test:80", "nameservers": [server.address], "max_endpoints": 150}))
    sluice.wait_until(lambda: len(sluice.endpoints()) == 150, "as many endpoints as may be")
    assert server.count("gpu.test", over="tcp") > 0
    assert sluice.metrics().sum("sluice_discovery_endpoints_left_out", cluster="models") == 50
    said = sluice.wait_until(lambda: sluice.said("more endpoints discovered than max_endpoints"), "it is logged")
    assert said[0]["left_out"] == 50, said


@test("a silent name server is passed over for the next one")
def _(t):
    silent, server = t.enter(dns.NameServer()), t.enter(dns.NameServer())
    silent.fail("gpu.test", "silent")
    server.set("gpu.test", "127.0.0.1")
    sluice = t.gateway(config({"dns": "gpu.test:80", "nameservers": [silent.address, server.address]}))
    wait_endpoints(sluice, "127.0.0.1:80")
    assert silent.count("gpu.test") > 0


# SRV -------------------------------------------------------------------------------------------------------------


@test("SRV records bring endpoints with ports and weights, of the lowest priority alone")
def _(t):
    server = t.enter(dns.NameServer())
    one, two, spare = (t.serving(lambda _r, c, n=n: c.send(answer(n))) for n in (b"one", b"two", b"spare"))
    records = [(10, 3, one.port, "gpu-1.test"), (10, 1, two.port, "gpu-2.test"), (20, 9, spare.port, "gpu-3.test")]
    server.services("_http._tcp.test", *records, additional=[("gpu-1.test", "127.0.0.1")])
    server.set("gpu-2.test", "127.0.0.1")
    sluice = t.gateway(config({"srv": "_http._tcp.test", "nameservers": [server.address]},
                              load_balancer={"policy": "round_robin"}))
    wait_endpoints(sluice, one.address, two.address)
    client = t.connect(sluice)
    said = [ask(client).body for _ in range(40)]
    assert (said.count(b"one"), said.count(b"two")) == (30, 10), said
    assert {e["source"] for e in page(sluice)["endpoints"]} == {"srv"}
    server.services("_http._tcp.test", records[2])
    server.set("gpu-3.test", "127.0.0.1")
    wait_endpoints(sluice, spare.address)
    assert ask(client).body == b"spare"
    server.services("_http._tcp.test", (0, 0, 0, ""))
    wait_outcome(sluice, "empty")
    assert ask(client).body == b"spare"


# Files -----------------------------------------------------------------------------------------------------------


def write(path, text):
    fresh = path.with_suffix(".next")
    fresh.write_text(text if isinstance(text, str) else json.dumps({"endpoints": [{"address": a} for a in text]}))
    fresh.rename(path)


@test("a file's endpoints are there from the first request on, and its changes reach every shard")
def _(t):
    one, two = (t.serving(lambda _r, c, n=n: c.send(answer(n))) for n in (b"one", b"two"))
    path = t.folder / "endpoints.yaml"
    write(path, [one.address])
    # Nothing but the watch tells of the change.
    settings = config({"file": str(path), "min_refresh": "1h", "max_refresh": "1h"})
    sluice = t.gateway(settings, threads=2)
    assert answered_by(t, sluice) == {"one"}
    write(path, [two.address])
    wait_endpoints(sluice, two.address)
    assert answered_by(t, sluice) == {"two"}


@test("a file with an error, or without a file, keeps the last good endpoints; the log says where it is wrong")
def _(t):
    backend = t.serving(lambda _r, c: c.send(answer(b"x")))
    path = t.folder / "endpoints.yaml"
    write(path, [backend.address])
    sluice = t.gateway(config({"file": str(path)}))
    client = t.connect(sluice)
    write(path, "endpoints:\n  - {address: nonsense}\n")
    wait_outcome(sluice, "invalid")
    # The log's writer is a thread of its own, and may be behind the metrics.
    said = sluice.wait_until(lambda: sluice.said("discovery fails, the last good endpoints stay"), "it is logged")
    assert f"{path}:2:15: endpoints[0].address: " in said[0]["problem"], said
    assert ask(client).body == b"x"
    path.unlink()
    wait_outcome(sluice, "unreadable")
    assert ask(client).body == b"x"
    write(path, [backend.address])
    sluice.wait_until(lambda: sluice.said("discovery works again"), "the file is read again")


@test("validate warns of a file that cannot be used, with its place")
def _(t):
    settings = gateway.config(clusters=[{"name": "models", "discovery": {"file": str(t.folder / "none.yaml")}}])
    path = t.folder / "sluice.yaml"
    path.write_text(json.dumps(settings, indent=1))
    done = subprocess.run([process.BIN / "sluice", "validate", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "warning: clusters[0].discovery.file: brings no endpoints until it is mended: " in done.stderr, done
    assert f"{path}:" in done.stderr and "No such file" in done.stderr, done


# Reloads, operators ----------------------------------------------------------------------------------------------


@test("a reload loses no discovered endpoint, whatever else of the cluster changes and though no name server answers")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.set("gpu.test", "127.0.0.1")
    sluice = t.gateway(by_dns(server, backend.port), threads=2)
    wait_endpoints(sluice, backend.address)
    server.fail("gpu.test", "silent")
    server.fail("other.test", "silent")
    for change in ({"pool": {"max_idle": 3}}, {"load_balancer": {"policy": "round_robin"}}):
        assert sluice.reload(by_dns(server, backend.port, **change))["message"] == "configuration reloaded"
        assert answered_by(t, sluice) == {"127.0.0.1"}
    other = config({"dns": f"other.test:{backend.port}", "nameservers": [server.address]})
    assert sluice.reload(other)["message"] == "configuration reloaded"
    assert answered_by(t, sluice) == {"127.0.0.1"}, "until the new name has an answer"
    server.set("other.test", "127.0.0.1", "127.0.0.9")
    wait_endpoints(sluice, backend.address, f"127.0.0.9:{backend.port}")
    asked = server.count("gpu.test")
    before = sluice.metrics().sum("sluice_discovery_resolutions_total", outcome="ok")
    wait_outcome(sluice, "ok", more_than=before + 2)
    assert server.count("gpu.test") == asked, "the old name is not asked for any more"

    sluice.reload(gateway.config([backend.address]))
    assert "discovery" not in page(sluice)
    assert not sluice.metrics().sum("sluice_discovery_resolutions_total")


@test("a cluster's discovery that a reload adds brings its endpoints")
def _(t):
    server = t.enter(dns.NameServer())
    one, two = backends(t, "127.0.0.1", "127.0.0.2")
    server.set("gpu.test", "127.0.0.2")
    sluice = t.gateway(gateway.config([one.address]), threads=2)
    sluice.reload(by_dns(server, one.port, endpoints=[{"address": one.address, "weight": 0}]))
    wait_endpoints(sluice, one.address, two.address)
    assert answered_by(t, sluice) == {"127.0.0.2"}


@test("a successor accepts when its clusters have been looked up: no request of a handover meets an empty cluster")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.set("gpu.test", "127.0.0.1")
    settings = config({"dns": f"gpu.test:{backend.port}", "nameservers": [server.address], "timeout": "30s"})
    sluice = t.gateway(settings, threads=2)
    wait_endpoints(sluice, backend.address)
    # Longer than the old process, which has no connection, takes to end.
    server.delay = 1
    old = sluice.hand_over()
    process.wait_until(old.ended, "the old process ends")
    assert answered_by(t, sluice) == {"127.0.0.1"}


@test("operators see where endpoints come from and how discovery fares, as a page and as a table")
def _(t):
    server = t.enter(dns.NameServer())
    [backend] = backends(t, "127.0.0.1")
    server.set("gpu.test", "127.0.0.1", "127.0.0.2")
    sluice = t.gateway(by_dns(server, backend.port, endpoints=[{"address": backend.address, "weight": 5}]))
    wait_endpoints(sluice, backend.address, f"127.0.0.2:{backend.port}")
    cluster = page(sluice)
    assert [(e["source"], e["weight"]) for e in cluster["endpoints"]] == [("static", 5), ("dns", 1)], cluster
    discovery = cluster["discovery"]
    assert (discovery["source"], discovery["subject"]) == ("dns", f"gpu.test:{backend.port}"), discovery
    assert (discovery["outcome"], discovery["endpoints"], discovery["failures"]) == ("ok", 2, 0), discovery
    assert discovery["last_success_seconds"] >= 0 and discovery["next_look_seconds"] >= 0, discovery
    host, port = sluice.admin
    table = subprocess.run([process.BIN / "sluicectl", "--admin", f"{host}:{port}", "clusters"], capture_output=True,
                           text=True, check=True, env=os.environ).stdout
    assert "SOURCE" in table and f"dns gpu.test:{backend.port}" in table and " ago" in table, table


main()
