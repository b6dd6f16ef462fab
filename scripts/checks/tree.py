#!/usr/bin/env python3
"""What must hold of the files themselves: sizes, notes, paths, READMEs, links, and scripts that parse."""

import re
import subprocess
import sys

from sources import ROOT, finish, project_files, read

MAX_LINES = 600
# Files that are longer, each with the reason why it is not split.
LONGER_FILES = {}
MAX_FILTER_README_LINES = 20

_NOTE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
# Folders of somebody's machine; a path that begins elsewhere (build/home/x) is none.
_MACHINE_PATH = re.compile(r"(?:(?<![\w./~*-])|(?<=-[IL]))/(home|root|Users|work|workspace)/[\w.]")
_REGISTRY = re.compile(r'"resolved":\s*"')
_BINARY = (".safetensors", ".bin", ".png", ".gz", ".pyc")
_DATA = ("tests/fuzz/", "backends/worker/models/")  # corpora and models hold any bytes
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)


def is_text(name):
    return not name.endswith(_BINARY) and not (name.startswith(_DATA) and "/corpus/" in name)


def lengths(files):
    for name in files:
        if not name.endswith((".h", ".cc", ".py", ".mjs", ".js")) and not is_script(name):
            continue
        lines = read(name).count("\n")
        if lines > MAX_LINES and name not in LONGER_FILES:
            yield f"{name}: {lines} lines; split it, or list it in LONGER_FILES with the reason (limit {MAX_LINES})"
    for name in LONGER_FILES:
        if name not in files or read(name).count("\n") <= MAX_LINES:
            yield f"{name}: stands in LONGER_FILES of scripts/checks/tree.py without need"


def wording(files):
    for name in files:
        if not is_text(name) or name.startswith(_DATA):
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            if _NOTE.search(line):
                yield f"{name}:{number}: a note to oneself ({_NOTE.search(line).group(0)}); do it, or file an issue"
            if _MACHINE_PATH.search(line):
                yield f"{name}:{number}: a path of one machine: {_MACHINE_PATH.search(line).group(0)}…"
            if name.endswith("package-lock.json") and _REGISTRY.search(line):
                yield (f"{name}:{number}: a registry that others cannot reach; "
                       "run npm install --omit-lockfile-registry-resolved")


def filter_readmes(files):
    folders = sorted({name.split("/")[1] for name in files if name.startswith("filters/") and name.count("/") >= 2})
    for folder in folders:
        readme = f"filters/{folder}/README.md"
        if readme not in files:
            yield f"{readme}: missing; say in at most {MAX_FILTER_README_LINES} lines what the filter does and why there"
        elif read(readme).count("\n") > MAX_FILTER_README_LINES:
            yield f"{readme}: more than {MAX_FILTER_README_LINES} lines"


def anchors(text):
    """The anchors of a Markdown page, made as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", _FENCE.sub("", text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        while slug in found:
            slug += "-1"
        found.add(slug)
    return found


def links(files):
    for name in files:
        if not name.endswith(".md") or name.startswith(_DATA):
            continue
        text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", read(name)))
        for target in _LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            page = (ROOT / name).parent / path if path else ROOT / name
            if not page.exists():
                yield f"{name}: the link to {target} leads nowhere"
            elif anchor and page.suffix == ".md" and anchor not in anchors(page.read_text(encoding="utf-8")):
                yield f"{name}: the link to {target} names no heading of that page"


def first_line(name):
    with open(ROOT / name, "rb") as file:
        return file.readline(200).decode("utf-8", "replace")


def is_script(name):
    return "." not in name.rsplit("/", 1)[-1] and first_line(name).startswith("#!")


def is_shell(name):
    return name.endswith(".sh") or (is_script(name) and re.search(r"\b(ba)?sh\b", first_line(name)))


def is_python(name):
    return name.endswith(".py") or (is_script(name) and "python3" in first_line(name))


def scripts(files):
    for name in files:
        if is_python(name):
            try:
                compile(read(name), name, "exec")
            except SyntaxError as error:
                yield f"{name}:{error.lineno}: {error.msg}"
    shell = [name for name in files if is_shell(name)]
    for name in shell:
        parsed = subprocess.run(["bash", "-n", name], cwd=ROOT, capture_output=True, text=True)
        if parsed.returncode != 0:
            yield parsed.stderr.strip()
    if shell and subprocess.run(["which", "shellcheck"], capture_output=True).returncode == 0:
        linted = subprocess.run(["shellcheck", "--external-sources", "--format=gcc", *shell],
                                cwd=ROOT, capture_output=True, text=True)
        yield from linted.stdout.splitlines()


CHECKS = {"lengths": lengths, "wording": wording, "filter-readmes": filter_readmes, "links": links, "scripts": scripts}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: tree.py {'|'.join(CHECKS)}")
    finish(list(CHECKS[sys.argv[1]](project_files())), "The rules are in scripts/checks/tree.py.")
