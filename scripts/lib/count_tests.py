#!/usr/bin/env python3
"""Counts the single test cases of one ctest run.

usage: count_tests.py JUNIT.xml RESULTS_DIR    prints `passed failed skipped`

An entry of ctest counts as its cases where they are known: from RESULTS_DIR/NAME.json, in the form of GoogleTest's
--gtest_output=json, or from the summary that it prints last: the integration tests' own, Python's unittest's or Node's
test runner's. Any other entry is one case. One that ctest calls failed although all its cases passed (a crash, a leak
found at its end, a time limit) counts as one more failure.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml


def google_test_cases(path):
    """(passed, failed, skipped) of a GoogleTest report, None if there is none. Disabled cases count as nothing."""
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
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


def printed_cases(output):
    """The same from a printed summary, None if there is none."""
    own = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
    if own:
        return int(own[-1][0]), int(own[-1][1]), len(re.findall(r"^skip - ", output, re.MULTILINE))
    ran = re.findall(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    verdict = re.findall(r"^(?:OK|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    if ran and verdict:
        kinds = {kind: int(number) for kind, number in re.findall(r"([a-z][a-z ]*)=(\d+)", verdict[-1])}
        failed = kinds.get("failures", 0) + kinds.get("errors", 0)
        skipped = kinds.get("skipped", 0)
        return max(0, int(ran[-1]) - failed - skipped), failed, skipped
    node = {kind: int(number) for kind, number in re.findall(r"^\W+(pass|fail|skipped) (\d+)$", output, re.MULTILINE)}
    return (node["pass"], node["fail"], node.get("skipped", 0)) if {"pass", "fail"} <= node.keys() else None


def count(junit, results):
    """(passed, failed, skipped, notes) of one ctest run."""
    passed = failed = skipped = 0
    notes = []
    for entry in xml.parse(junit).getroot().iter("testcase"):
        name, status = entry.get("name"), entry.get("status")
        if status in ("notrun", "disabled") and entry.find("failure") is None:
            skipped += 1
            continue
        ok = status == "run"
        cases = google_test_cases(results / f"{name}.json") or printed_cases(entry.findtext("system-out") or "")
        if cases is None:
            cases = (1, 0, 0) if ok else (0, 1, 0)
        elif not ok and cases[1] == 0:
            cases = (cases[0], 1, cases[2])
            notes.append(f"{name}: its cases passed but the program failed (a leak or a crash at its end?)")
        passed, failed, skipped = passed + cases[0], failed + cases[1], skipped + cases[2]
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
