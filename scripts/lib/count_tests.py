#!/usr/bin/env python3
"""Counts single test cases: of one ctest run, or of several put together.

usage: count_tests.py JUNIT.xml RESULTS_DIR    prints `passed failed skipped` of one ctest run

A test program counts as its cases when it left RESULTS_DIR/NAME.json, in the form of GoogleTest's --gtest_output=json;
any other entry of ctest counts as one case. A program that ctest calls failed although all its cases passed (a crash,
a leak found at its end, a time limit) counts as one more failure.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as xml


def cases_of(report):
    """(passed, failed, skipped) in a GoogleTest report. Disabled cases did not run and count as nothing."""
    passed = failed = skipped = 0
    for suite in report.get("testsuites", []):
        for case in suite.get("testsuite", []):
            if case.get("status") == "NOTRUN":
                continue
            if case.get("failures"):
                failed += 1
            elif case.get("result") == "SKIPPED":
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped


def count(junit, results):
    """(passed, failed, skipped, notes) of one ctest run."""
    passed = failed = skipped = 0
    notes = []
    for entry in xml.parse(junit).getroot().iter("testcase"):
        name = entry.get("name")
        ok = entry.get("status") == "run"
        if entry.get("status") in ("notrun", "disabled") and entry.find("failure") is None:
            skipped += 1
            continue
        try:
            report = json.loads((results / f"{name}.json").read_text())
        except (OSError, ValueError):
            passed, failed = (passed + 1, failed) if ok else (passed, failed + 1)
            if not ok:
                notes.append(f"{name}: failed without a report (a crash or a time limit?)")
            continue
        p, f, s = cases_of(report)
        if not ok and f == 0:
            f = 1
            notes.append(f"{name}: its cases passed but the program failed (a leak or a crash at its end?)")
        passed, failed, skipped = passed + p, failed + f, skipped + s
    return passed, failed, skipped, notes


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    passed, failed, skipped, notes = count(sys.argv[1], pathlib.Path(sys.argv[2]))
    for note in notes:
        print(note, file=sys.stderr)
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
