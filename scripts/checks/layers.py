#!/usr/bin/env python3
"""Includes may only point down, and each third-party library is wrapped in one place.

LAYERS says for each layer which others it may include, LIBRARIES where a library's headers may appear. A file belongs
to the layer with the longest matching path. Tests may include any of the project's headers and any library.
"""

import os
import re
import sys

from sources import ROOT, cpp_files, finish, read

_BELOW_PROXY = {"gateway/base", "gateway/runtime", "gateway/net", "gateway/http", "gateway/llm", "gateway/llm/text"}

# Bottom up. A layer may always include itself.
LAYERS = {
    "gateway/base": set(),
    "gateway/runtime": {"gateway/base"},
    "gateway/net": {"gateway/base", "gateway/runtime"},
    "gateway/store": {"gateway/base", "gateway/runtime", "gateway/net"},
    "gateway/http": {"gateway/base", "gateway/runtime", "gateway/net"},
    "gateway/llm/text": {"gateway/base"},
    "gateway/llm": {"gateway/base", "gateway/llm/text"},
    "config": {"gateway/base"},
    "gateway/proxy": _BELOW_PROXY,
    "backends": _BELOW_PROXY | {"gateway/proxy"},
    # A program of its own: it shares the wire and the loop with the gateway, not its policies.
    "backends/worker": _BELOW_PROXY,
    # A filter never includes another filter (see also DIRECT_CHILDREN_APART), and knows backends by the declarations
    # in gateway/proxy alone.
    "filters": _BELOW_PROXY | {"gateway/proxy", "gateway/store"},
    "gateway/app": _BELOW_PROXY | {"gateway/proxy", "gateway/store", "config", "filters", "backends"},
}

# Folders directly below these are strangers to each other; files directly in them compose them and see all.
DIRECT_CHILDREN_APART = ("filters",)

# Where programs begin: signals and the command line.
_MAINS = ["gateway/app/main.cc", "gateway/app/sluicectl/main.cc", "backends/worker/main.cc"]
ANYWHERE = ""
NOWHERE = "(nowhere)"
# Header prefix → where it may be included: folders, or files. The longest prefix counts.
LIBRARIES = {
    "fmt/": [ANYWHERE],
    "xxhash.h": [ANYWHERE],
    # The reactor. Everybody else sees Loop, Transport and Task.
    "boost/asio/": ["gateway/runtime", "gateway/net", *_MAINS],
    "boost/": ["gateway/runtime", "gateway/net"],
    # Beast is the oracle that tests compare our HTTP/1.1 parser with.
    "boost/beast/": [NOWHERE],
    "nghttp2/": ["gateway/http/http2"],
    "openssl/": ["gateway/base", "gateway/net", "filters/auth", "backends/worker/engine"],
    "hiredis/": ["gateway/store/redis"],
    "ares": ["gateway/net"],
    "yaml-cpp/": ["config"],
    "spdlog/": ["gateway/app"],
    "simdjson.h": ["gateway/llm", "backends/worker", "gateway/app/sluicectl/json_value.cc"],
    "pcre2.h": ["gateway/llm/text"],
    "unicode/": ["gateway/llm/text"],
    # The configuration checks expressions and routes match with them: both see Pattern.
    "re2/": ["gateway/base"],
    "dnnl": ["backends/worker/device"],
    "cuda": ["backends/worker/device"],
    "cublas": ["backends/worker/device"],
    # Metrics are our own (gateway/base/metrics.h): a registry with a lock in its counters is not.
    "prometheus/": [NOWHERE],
    "CLI/": [*_MAINS, "backends/worker/flags.cc"],
    # Test libraries.
    "gtest/": [NOWHERE],
    "gmock/": [NOWHERE],
    "benchmark/": ["perf"],
}

# The system's own headers and the compiler's; the C++ library's have neither a slash nor an ending.
_SYSTEM = re.compile(
    r"(sys|netinet|arpa|linux|net)/\w+\.h|termios\.h|\w*intrin\.h|cpuid\.h|sanitizer/\w+\.h|"
    r"(unistd|spawn|fcntl|poll|signal|pthread|sched|netdb|dlfcn|stdlib|string|stdio|errno|time|stdint|stddef|malloc)\.h")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
_FREE = ("tests/", "perf/")


def layer_of(path):
    candidates = [layer for layer in LAYERS if path.startswith(layer + "/")]
    return max(candidates, key=len, default=None)


def lies_in(path, place):
    return place == ANYWHERE or path == place or path.startswith(place + "/")


def own_include(path, header):
    """What is wrong with including one of the project's headers, or None."""
    if not (ROOT / header).is_file():
        return f'"{header}" is no file of the project; write its path from the root, or <...> for a library'
    if path.startswith(_FREE):
        return None
    mine, other = layer_of(path), layer_of(header)
    if other is None:
        return f'"{header}" belongs to no layer: the programs must not include tests or tools'
    if mine is None:
        return f"{path} belongs to no layer; add its folder to LAYERS in scripts/checks/layers.py"
    for parent in DIRECT_CHILDREN_APART:
        if mine == other == parent:
            my_folder, its_folder = os.path.dirname(path), os.path.dirname(header)
            if my_folder != parent and not lies_in(header, my_folder):
                return f'"{header}": {my_folder} must not know {its_folder}; what both need belongs further down'
    if mine != other and other not in LAYERS[mine]:
        below = ", ".join(layer for layer in LAYERS if layer in LAYERS[mine]) or "nothing"
        return f'"{header}": {mine} may include {below}, not {other}'
    return None


def library_include(path, header):
    """What is wrong with including a header in angle brackets, or None."""
    if ("/" not in header and "." not in header) or _SYSTEM.fullmatch(header):
        return None
    known = max((prefix for prefix in LIBRARIES if header.startswith(prefix)), key=len, default=None)
    if known is None:
        return f"<{header}> is a library that scripts/checks/layers.py does not know; wrap it in one place, list it there"
    if path.startswith(_FREE) or any(lies_in(path, place) for place in LIBRARIES[known]):
        return None
    places = [place for place in LIBRARIES[known] if place != NOWHERE]
    return f"<{header}> may be included in {', '.join(places) or 'tests'} only; use what wraps it there"


def problems_in(path):
    text = read(path)
    for match in _INCLUDE.finditer(text):
        own, library = match.groups()
        problem = own_include(path, own) if own else library_include(path, library)
        if problem:
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {problem}"


if __name__ == "__main__":
    paths = sys.argv[1:] or cpp_files()
    finish([problem for path in paths for problem in problems_in(path)],
           "The layers and the reasons are in docs/architecture.md; the tables are in scripts/checks/layers.py.")
