"""What perf/endure does to a gateway. Each function loads a Bed and returns an Outcome."""
import contextlib
import dataclasses
import time

import http2_visitors
from load_program import HeldStreams, Running

MIB = 1024  # in KiB
SLOW_KINDS = ("head", "body", "unread", "idle", "half-closed")  # by sluice-load's numbers


@dataclasses.dataclass
class Outcome:
    """Figures in the order in which they are printed, and what must hold: a sentence -> whether it does."""
    figures: dict = dataclasses.field(default_factory=dict)
    checks: dict = dataclasses.field(default_factory=dict)

    def check_rest(self, bed, when):
        different = bed.not_at_rest()
        self.checks[f"every gauge is at rest {when}" + (f", but: {different}" if different else "")] = not different

    def check_crowd(self, found):
        self.checks["every client got what it was to get" +
                    "".join(f"; {what}" for what in found["first_wrong"])] = found["good"]


def flat(first_kib, last_kib, mib=2):
    """Within 2%, or so many MiB."""
    return last_kib - first_kib <= max(0.02 * first_kib, mib * MIB)


def _said_now_and_then(bed, what, total=None, seconds=10):
    """A function for each line of progress that says one in ten seconds."""
    last = time.monotonic()

    def say(line):
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            of = f" of {total}" if total else ""
            bed.progress(f"{what}: {line['visits']}{of} visits, {line['wrong']} wrong, RSS {bed.rss_kib() / MIB:.1f} MiB")
    return say


def streams(bed, args):
    """Held streams at one event a second each; their memory, processor time and the age of their events."""
    out = Outcome()
    before = bed.pss_kib(), bed.rss_kib()
    bed.progress(f"opening {args.streams} streams, and {args.direct_streams} on the direct path")
    with HeldStreams(bed.program, "--to", bed.plain, "--streams", args.streams, "--direct", bed.backend.address,
                     "--direct-streams", args.direct_streams, "--prompt-bytes", args.prompt_bytes,
                     "--open-per-second", args.open_per_second) as held:
        bed.progress(f"open: {held.opened['proxy']['open']}, failed: {held.opened['proxy']['failed']}; "
                     f"holding them for {args.seconds} s")
        time.sleep(2)  # until each has had an event more and what opening took is released
        held.report()
        cpu, begin = bed.cpu_ns(), time.monotonic()
        time.sleep(args.seconds)
        seen = held.report()
        cpu = bed.cpu_ns() - cpu
        lasted = time.monotonic() - begin
        after = bed.pss_kib(), bed.rss_kib()
    per_stream = (after[0] - before[0]) / args.streams
    proxy, direct = seen["proxy"], seen["direct"]
    out.figures = {
        "streams": proxy["open"], "events": proxy["events"], "seconds": round(lasted, 1),
        "errors": proxy["failed"] + direct["failed"], "events out of order": proxy["out_of_order"],
        "age, proxy": proxy["age"], "age, direct": direct["age"],
        "Pss KiB before, after, per stream": [before[0], after[0], round(per_stream, 2)],
        "RSS KiB before, after, per stream": [before[1], after[1], round((after[1] - before[1]) / args.streams, 2)],
        "CPU us per event": round(cpu / 1000 / max(1, proxy["events"]), 2)}
    out.checks = {
        f"no stream fails {proxy['first_failure']}{direct['first_failure']}": seen["good"],
        "no event is lost, repeated or garbled": proxy["out_of_order"] == 0,
        "every stream has its event a second": abs(proxy["events"] - args.streams * lasted) <= args.streams,
        f"at most {args.max_kib} KiB per stream": per_stream <= args.max_kib}
    out.check_rest(bed, "afterwards")
    time.sleep(3)  # the gateway gives memory back a second or two after a peak
    out.figures["RSS KiB when they have left"] = bed.rss_kib()
    return out


def slow(bed, args):
    """Slow clients of five kinds, beside a well-behaved one."""
    out = Outcome()
    clients = args.each * (1 if args.only else len(SLOW_KINDS))
    before, most = bed.rss_kib(), 0
    bed.progress(f"{clients} slow clients, kind: {args.only or 'all'}, for {args.seconds} s")
    only = [] if args.only is None else ["--only", SLOW_KINDS.index(args.only)]
    crowd = Running(bed.program.start("crowd", "slow", "--to", bed.plain, "--at-a-time", clients, "--seconds", args.seconds,
                                      *only))
    good = Running(bed.program.start("rate", "--to", bed.plain, "--per-second", 100, "--seconds", args.seconds,
                                     "--connections", 100))
    say = _said_now_and_then(bed, "slow clients")

    def watch(line):
        nonlocal most
        most = max(most, bed.rss_kib())
        say(line)

    with contextlib.closing(_Stops(crowd, good)):
        slow_ones = crowd.result(watch)
        requests = good.result()
    out.check_rest(bed, "afterwards")
    out.figures = {
        "RSS KiB before, most": [before, most], "grew MiB": round((most - before) / MIB, 1),
        "RSS KiB afterwards": bed.rss_kib(),
        "requests of the well-behaved client": requests["requests"], "its errors": requests["errors"],
        "its latency from when a request was due": requests["latency"], "of that, until it was sent": requests["delay"],
        "slow clients": slow_ones["kinds"]}
    out.checks |= {
        f"every request of the well-behaved client succeeds {requests['first_error']}": requests["good"],
        f"memory grows by at most {args.max_mib} MiB": most - before <= args.max_mib * MIB,
        "no slow client is refused a connection": all(k["not_connected"] == 0 for k in slow_ones["kinds"].values())}
    return out


class _Stops:
    """Ends runs that are still under way, where something else failed."""

    def __init__(self, *running):
        self._running = running

    def close(self):
        for running in self._running:
            running.stop()


def leavers(bed, args):
    """Clients that leave in random states; what they leave behind."""
    out = Outcome()
    first = max(1, args.visits // 10)
    memory = []
    for visits, seed in ((first, args.seed), (args.visits - first, args.seed + 1)):
        bed.progress(f"{visits} leavers, seed {seed}")
        found = bed.program.run("crowd", "leavers", "--to", bed.plain, "--visits", visits, "--seed", seed,
                                "--at-a-time", args.at_a_time,
                                each_line=_said_now_and_then(bed, "leavers", visits))
        out.check_rest(bed, f"after {visits} leavers")
        memory.append(bed.rss_kib())
    out.check_crowd(found)
    out.figures = {"leavers": args.visits, "seed": args.seed, "RSS KiB after a tenth, after all": memory,
                   "of the last": found["kinds"]}
    out.checks["memory stays flat (2% or 2 MiB)"] = flat(*memory)
    after = bed.program.run("rate", "--to", bed.plain, "--per-second", 200, "--seconds", 1)
    out.checks[f"requests succeed afterwards {after['first_error']}"] = after["good"]
    return out


def soak(bed, args):
    """Clients of every kind over HTTP/1.1, and h2load over HTTP/2 and TLS, in six parts with a rest after each."""
    out = Outcome()
    parts = 6
    memory, visits, wrong, http2 = [], 0, [], http2_visitors.Tally()
    for part in range(parts):
        seconds = args.minutes * 60 / parts
        bed.progress(f"part {part + 1} of {parts}: {seconds:.0f} s, seed {args.seed + part}")
        with http2_visitors.Http2Visitors(bed, args.seed + part, http2):
            found = bed.program.run("crowd", "visitors", "--to", bed.plain, "--seconds", seconds, "--seed",
                                    args.seed + part, "--at-a-time", args.at_a_time,
                                    each_line=_said_now_and_then(bed, "soak"))
        visits += found["visits"]
        wrong += found["first_wrong"]
        out.check_rest(bed, f"after part {part + 1}")
        memory.append(bed.rss_kib())
        bed.progress(f"part {part + 1} of {parts}: {found['visits']} visits, {found['wrong']} wrong, "
                     f"RSS at rest {memory[-1] / MIB:.1f} MiB")
    out.figures = {"visits": visits, "seed": args.seed, "HTTP/2": dataclasses.asdict(http2),
                   "RSS KiB at rest, after each part": memory, "of the last part": found["kinds"]}
    # Five minutes meet all there is to meet. Shorter parts outdo each other by chance until half of them are over.
    long = seconds >= 300
    settled, when, mib = (memory[0], "after the first part", 2) if long else (max(memory[:3]), "in the first half", 4)
    out.checks |= {
        "every client got what it was to get" + "".join(f"; {w}" for w in wrong): not wrong,
        f"HTTP/2 requests are answered {http2.first_wrong}": http2.wrong == 0 and http2.requests > 0,
        f"memory at the end is as {when} (2% or {mib} MiB)": flat(settled, memory[-1], mib)}
    return out
