"""A reader of the Prometheus text format (0.0.4) that refuses what a scraper would refuse."""

import re

_SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+)$')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')


class Metrics:
    def __init__(self, text):
        self.help = {}
        self.type = {}
        self.samples = {}  # (name, frozenset of labels) -> number
        if text and not text.endswith("\n"):
            raise AssertionError("the last line has no end")
        for line in text.splitlines():
            self._take(line)
        for name, _ in self.samples:
            family = self.family(name)
            if family not in self.help or family not in self.type:
                raise AssertionError(f"{name} has no HELP or no TYPE")

    def _take(self, line):
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            if name in self.help or not text:
                raise AssertionError(f"HELP twice or empty: {line}")
            self.help[name] = text
            return
        if line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            if name in self.type or kind not in ("counter", "gauge", "histogram", "summary", "untyped"):
                raise AssertionError(f"TYPE twice or unknown: {line}")
            self.type[name] = kind
            return
        if not line or line.startswith("#"):
            return
        match = _SAMPLE.match(line)
        if not match:
            raise AssertionError(f"not a sample: {line!r}")
        labels, rest = {}, match.group(3) or ""
        while rest:
            label = _LABEL.match(rest)
            if not label or label.group(1) in labels:
                raise AssertionError(f"bad labels: {line!r}")
            labels[label.group(1)] = label.group(2)
            rest = rest[label.end():]
        key = (match.group(1), frozenset(labels.items()))
        if key in self.samples:
            raise AssertionError(f"the same series twice: {line!r}")
        self.samples[key] = float(match.group(4))

    def family(self, name):
        for suffix in ("_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix)
            if base != name and self.type.get(base) in ("histogram", "summary"):
                return base
        return name

    def sum(self, name, **labels):
        """The sum of the series of that name that have these labels; 0 if there is none."""
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    def check_histograms(self):
        """Buckets rise, and the last one is the count."""
        series = {}
        for (name, labels), value in self.samples.items():
            if name.endswith("_bucket"):
                bound = dict(labels)["le"]
                rest = frozenset(x for x in labels if x[0] != "le")
                series.setdefault((name.removesuffix("_bucket"), rest), []).append((float(bound), value))
        for (name, labels), buckets in series.items():
            buckets.sort()
            values = [v for _, v in buckets]
            if values != sorted(values) or buckets[-1][0] != float("inf"):
                raise AssertionError(f"buckets of {name} do not rise to +Inf: {buckets}")
            if self.samples[(name + "_count", labels)] != values[-1]:
                raise AssertionError(f"{name}_count is not its last bucket")
        return len(series)
