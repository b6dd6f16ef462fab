#!/usr/bin/env python3
"""Every test that a document names is there: `FILE` "SENTENCE" stands for a case of tests/integration/FILE_test.py,
`FILE_test.cc` "NAME" for a GoogleTest. An ellipsis (…) in a sentence stands for anything."""

import re
import subprocess

from sources import ROOT, finish, project_files, read

DOCUMENTS = ("docs/security.md",)

_REFERENCE = re.compile(r'`([a-z0-9_]+(?:_test\.cc)?)`\s+"([^"]+)"')
_GOOGLE_TEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*\w+\s*,\s*(\w+)\s*\)")


def references(text):
    """(file, sentence) of each reference, line breaks in a sentence being blanks."""
    return [(file, " ".join(sentence.split())) for file, sentence in _REFERENCE.findall(text)]


def is_named(sentence, cases):
    pattern = re.compile(".+".join(re.escape(part) for part in sentence.split("…")))
    return any(pattern.fullmatch(case) for case in cases)


def cases_of(file, files):
    """The names of the tests in a file; a text instead of them says why there are none."""
    if file.endswith(".cc"):
        found = [name for name in files if name.startswith("tests/") and name.endswith(f"/{file}")]
        return [test for name in found for test in _GOOGLE_TEST.findall(read(name))] or f"there is no tests/…/{file}"
    path = ROOT / "tests/integration" / f"{file}_test.py"
    if not path.exists():
        return f"there is no tests/integration/{file}_test.py"
    # With the Python of its first line, whose packages the tests need (scripts/setup installs them).
    interpreter = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#!")
    listed = subprocess.run([interpreter, path, "--list"], capture_output=True, text=True)
    return listed.stdout.splitlines() if listed.returncode == 0 else f"--list fails: {listed.stderr.strip()[-200:]}"


def problems(files):
    known = {}
    for document in DOCUMENTS:
        named = references(read(document))
        if not named:
            yield f"{document}: names no test"
        for file, sentence in named:
            cases = known.setdefault(file, cases_of(file, files))
            if isinstance(cases, str):
                yield f"{document}: `{file}`: {cases}"
            elif not is_named(sentence, cases):
                yield f"{document}: `{file}` has no test \"{sentence}\""


if __name__ == "__main__":
    finish(list(problems(project_files())), "How documents name tests stands in scripts/checks/named_tests.py.")
