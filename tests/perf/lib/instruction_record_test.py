#!/usr/bin/python3
"""What perf/instructions passes and fails, and how it reads callgrind's files."""

import dataclasses
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "perf" / "lib"))
import counts  # noqa: E402
import instruction_record as record  # noqa: E402

RECORDED = record.Figures(10_000, 10_000, 1)


def judged(unit="request", recorded=RECORDED, **changes):
    """(what passes, what fails) of a row that is as recorded but for the changes."""
    verdicts = list(record.judge("small", unit, dataclasses.replace(RECORDED, **changes), recorded))
    return [v.text for v in verdicts if v.good], [v.text for v in verdicts if not v.good]


class Judge(unittest.TestCase):
    def test_what_is_recorded_passes(self):
        good, bad = judged()
        self.assertEqual((len(good), bad), (4, []))
        self.assertFalse([text for text in good if "--record" in text])

    def test_a_little_more_passes(self):
        self.assertEqual(judged(instructions=10_290, instructions_of_two_shards=10_290)[1], [])

    def test_more_than_the_tolerance_fails_and_says_what_to_do(self):
        bad = judged(instructions=10_310)[1]
        self.assertEqual(len(bad), 1)
        for part in ("10,310", "10,000 recorded (+3.1%)", "--profiles FOLDER small", "--record small", "say why"):
            self.assertIn(part, bad[0])
        self.assertIn("two shards", judged(instructions_of_two_shards=10_310)[1][0])

    def test_much_less_passes_with_a_hint(self):
        good, bad = judged(instructions=9_600, instructions_of_two_shards=9_600)
        self.assertEqual(bad, [])
        self.assertEqual(len([text for text in good if "cheaper" in text and "--record small" in text]), 2)

    def test_two_shards_must_take_what_one_takes(self):
        dear = record.Figures(10_000, 11_010, 1)
        self.assertEqual(len(judged(recorded=dear, instructions_of_two_shards=11_010)[1]), 1)
        self.assertIn("docs/threading.md", judged(recorded=dear, instructions_of_two_shards=11_010)[1][0])
        self.assertEqual(judged(recorded=dear, instructions_of_two_shards=10_990)[1], [])
        odd = record.Figures(10_000, 8_900, 1)
        self.assertEqual(len(judged(recorded=odd, instructions_of_two_shards=8_900)[1]), 1)

    def test_an_event_allocates_nothing_whatever_is_recorded(self):
        self.assertEqual(len(judged("event", allocations=1)[1]), 1)
        self.assertEqual(judged("event", allocations=0.04)[1], [])

    def test_a_request_has_a_limit_and_no_more_than_is_recorded(self):
        many = dataclasses.replace(RECORDED, allocations=11)
        self.assertIn("more than 10", judged(recorded=many, allocations=11)[1][0])
        self.assertEqual(judged(allocations=1.06)[1], [])
        self.assertIn("--record small", judged(allocations=2)[1][0])

    def test_a_row_that_is_not_recorded_fails(self):
        bad = judged(recorded=None)[1]
        self.assertEqual(len(bad), 2)
        self.assertIn("--record small", bad[0])


class File(unittest.TestCase):
    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "record.json"
            self.assertEqual(record.read(path), ({}, {}))
            rows = {"sse": record.Figures(3000, 3100, 0.0), "4k": RECORDED}
            record.write(path, {"commit": "abc", "machine": "x86_64"}, rows)
            self.assertEqual(record.read(path), ({"commit": "abc", "machine": "x86_64"}, rows))
            self.assertEqual(path.read_text().count("\n"), 8)


# Names are told once; a line of calls has the callee's name before it and the cost behind it.
CALLGRIND = """\
version: 1
creator: callgrind-3.19.0
events: Ir
summary: 1234567

ob=(1) /usr/bin/sluice
fl=(1) a.cc
fn=(1) sluice::serve()
16 100
cob=(2) libc.so.6
cfi=(2) malloc.c
cfn=(2) malloc
calls=3 0
16 300
cfn=(3) operator new(unsigned long)
calls=5 0
17 900
fn=(3)
18 20
cfn=(2)
calls=5 0
18 600
fn=(4) CRYPTO_malloc
19 20
cfn=(2)
calls=400 0
19 600

totals: 1234567
"""


class Callgrind(unittest.TestCase):
    def test_allocations_are_the_calls_of_the_c_library_but_openssl_s(self):
        self.assertEqual(counts.parse_callgrind(CALLGRIND.splitlines(keepends=True)), counts.Cost(1234567, 8))

    def test_a_file_that_was_cut_off_is_no_count(self):
        with self.assertRaises(ValueError):
            counts.parse_callgrind(["version: 1\n", "events: Ir\n"])


if __name__ == "__main__":
    unittest.main()
