#!/usr/bin/env python3
"""Time, chance, the environment and threads come from outside, so that tests decide about them.

Each rule names what may not be used, what to use instead, and the few files that may, each with its reason. The last
rule is about coroutines: one co_await per statement and none inside `?:`, because compilers have destroyed temporaries
of such expressions twice (docs/adr/0002-clang-and-cxx23.md).
"""

import re

from sources import code_of, cpp_files, finish, line_of, read

RULES = [
    (r"\b(steady|system|high_resolution)_clock\b(?!::(to|from)_time_t)|\b(clock_gettime|gettimeofday)\s*\(|\bstd::time\s*\(",
     "a real clock; take a TimeSource (gateway/runtime/time_source.h)",
     {
         "gateway/runtime/time_source.h": "the type of wall-clock time",
         "gateway/runtime/time_source.cc": "SystemTime, the one reader of the system's clocks",
         "backends/worker/engine/clock.h": "the engine's clock, which its tests replace",
         "backends/worker/engine/clock.cc": "the engine's clock, which its tests replace",
     }),
    (r"\bthis_thread::sleep_|\b(usleep|nanosleep|clock_nanosleep)\s*\(|(?<!\w)::sleep\s*\(",
     "a sleep; a loop waits for events or deadlines, a test advances ManualTime",
     {"backends/worker/engine/clock.cc": "paces the engine's steps where --step-interval-ms asks for it"}),
    (r"\brandom_device\b|\bgetrandom\s*\(|\b(s?rand|drand48)\s*\(",
     "chance from the system; take a Random (gateway/runtime/random.h)",
     {"gateway/runtime/random.cc": "system_seed(), which main() calls once per shard"}),
    (r"\b(secure_)?getenv\s*\(",
     "the environment; take a setting",
     {"gateway/app/inherited_sockets.cc": "a process learns of the sockets it is started with from there alone",
      "gateway/app/secret_source.cc": "admin.token.env: where a service manager passes a secret"}),
    (r"\bthread_local\b",
     "a thread-local variable; give the object to the loop or the shard",
     {"gateway/runtime/frame_pool.cc": "coroutine frames are freed without a loop at hand"}),
    (r"\bstd::j?thread\b(?!::hardware_concurrency)|\bstd::async\b|\bpthread_create\b",
     "a thread; work belongs to a shard's loop (docs/threading.md)",
     {
         "gateway/app/gateway.h": "owns the shards' threads",
         "gateway/app/gateway.cc": "starts the shards' threads",
         "backends/worker/engine/engine.h": "the engine's step loop has a thread of its own",
         "backends/worker/engine/engine.cc": "the engine's step loop has a thread of its own",
         "backends/worker/device/thread_team.h": "the threads that compute with the engine's",
         "backends/worker/device/thread_team.cc": "the threads that compute with the engine's",
         "tests/gateway/app/log_sink_test.cc": "a sink takes lines from any thread",
         "tests/gateway/base/metrics_test.cc": "cells are read from any thread",
         "tests/gateway/proxy/stream_places_test.cc": "shards share the limit",
         "tests/gateway/runtime/loop_test.cc": "a function is posted from any thread",
         "tests/backends/health/circuit_breaker_test.cc": "shards share a breaker",
         "tests/backends/worker/engine/faulty_runner_test.cc": "a frozen step is let go from another thread",
         "tests/backends/worker/engine/engine_test.cc": "requests reach the engine from any thread",
     }),
]
_FREE = ("perf/",)  # benchmarks measure real time
_CONTROL = re.compile(r"\b(if|while|for|switch)\b\s*(constexpr\s*)?\(")


def forbidden(path, code):
    for pattern, what, allowed in RULES:
        if path in allowed:
            continue
        for match in re.finditer(pattern, code):
            yield match.start(), f"`{match.group(0).strip()}` is {what}"


def closing(code, opening):
    """The offset behind the parenthesis that closes the one at `opening`."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
    return len(code)


def statements(code):
    """(offset, text) of each statement, and of each parenthesis after if, while, for and switch by itself."""
    begin = at = 0
    while at < len(code):
        control = _CONTROL.match(code, at) if code[at] in "iwfs" and (at == 0 or not code[at - 1].isalnum()) else None
        if control:
            end = closing(code, control.end() - 1)
            for part in re.finditer(r"[^;]+", code[control.end():end - 1]):
                yield control.end() + part.start(), part.group(0)
            begin = at = end
        elif code[at] in ";{}":
            yield begin, code[begin:at]
            begin = at = at + 1
        else:
            at += 1


def ternaries(text):
    """(begin, end) of each expression with a `?`: what stands between the parentheses around it."""
    open_at = [0]
    ends = {}
    questions = []
    for at, char in enumerate(text):
        if char in "([":
            open_at.append(at)
        elif char in ")]" and len(open_at) > 1:
            ends[open_at.pop()] = at
        elif char == "?":
            questions.append(open_at[-1])
    return [(begin, ends.get(begin, len(text))) for begin in questions]


def awaits(code):
    if "co_await" not in code:
        return
    for begin, text in statements(code):
        found = [match.start() for match in re.finditer(r"\bco_await\b", text)]
        if len(found) > 1:
            yield begin + found[1], "a second `co_await` in one statement; give the first its own variable"
        for first, last in ternaries(text):
            if any(first <= at < last for at in found):
                yield begin + found[0], "`co_await` inside `?:`; write an if"


def problems_in(path):
    text = read(path)
    code = code_of(text)
    for offset, problem in [*forbidden(path, code), *awaits(code)]:
        yield f"{path}:{line_of(text, offset)}: {problem}"


if __name__ == "__main__":
    finish([p for path in cpp_files() if not path.startswith(_FREE) for p in problems_in(path)],
           "A file that must be an exception is listed, with its reason, in scripts/checks/clocks.py.")
