"""What the checks look at: the project's own files, tracked or about to be, and C++ text without its comments."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def project_files():
    """Paths relative to the root, '/'-separated, sorted. Files that git ignores are nobody's business here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True)
    return sorted(name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def cpp_files():
    return [name for name in project_files() if name.endswith((".h", ".cc"))]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


_NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^\s()\\]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL)


def code_of(text):
    """The text with comments and literals blanked out, line ends and columns kept."""
    return _NOT_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def finish(problems, advice):
    """Prints `file:line: problem` lines and ends the program, with status 1 if there are any."""
    for problem in problems:
        print(problem)
    if problems:
        print(advice)
        sys.exit(1)
    sys.exit(0)
