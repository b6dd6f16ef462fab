#!/usr/bin/python3
"""The worker's tokenizer beside Hugging Face's own for JavaScript: the same ids for the same texts, the same texts for
the same ids."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil

from harness import process, tokenizers, worker
from harness.suite import main, test

HERE = pathlib.Path(__file__).resolve().parent

# How many texts each tokenizer gets: some among the ordinary tests, 100,000 in scripts/nightly.
TEXTS = int(os.environ.get("SLUICE_TEST_TEXTS", "700"))

# Where the two differ and the worker is right, so that such texts are left out of the comparison. Both stand for the
# tokenizer that models are trained with, which matches with Oniguruma.
#
# Where case does not matter U+017F (long s) is an s to it, as Unicode's case folding has it (CaseFolding.txt: 017F; C;
# 0073); the reference folds ASCII letters alone.
_LONG_S = re.compile("'\u017f")
# White space is to it what has Unicode's property White_Space: U+0085 is (PropList.txt), U+FEFF is not. The reference
# knows that where a file has the pattern (so GPT-2's own is compared in that form too), but for a ByteLevel without one
# it uses JavaScript's \s, which has them the other way round.
_SCRIPT_SPACES = re.compile("[\x85\ufeff]")

# A token that is not marked as normalized is looked for in the text as it came. The reference takes also a stretch for
# it that only NFC makes equal to it, and only if that is the whole stretch between two tokens.
_BECOMES_TOKEN = re.compile("e\u0301te\u0301|\u00e9te\u0301|e\u0301t\u00e9")


def is_fair(text, document):
    own_pattern = document["pre_tokenizer"]["type"] == "ByteLevel"
    return not (_LONG_S.search(text) or _BECOMES_TOKEN.search(text) or
                (own_pattern and _SCRIPT_SPACES.search(text)))


def reference(t, file, cases):
    """The reference's answers, one for each case."""
    node = shutil.which("node")
    if node is None or not (HERE / "node" / "node_modules" / "@huggingface" / "tokenizers").exists():
        raise AssertionError("Node.js or @huggingface/tokenizers is missing; run scripts/setup")
    listed = t.folder / "cases.jsonl"
    listed.write_text("".join(json.dumps(case) + "\n" for case in cases))
    program = t.program(node, HERE / "node" / "tokenize.mjs", file, listed)
    assert program.wait() == 0, program.describe()
    answers = [json.loads(line) for line in program.stdout.split("\n") if line]
    assert len(answers) == len(cases)
    return answers


class Asked:
    """The endpoints of a worker that serves a tokenizer, over one connection."""

    def __init__(self, t, file):
        folder = t.folder / "model"
        folder.mkdir()
        for name in ("config.json", "model.safetensors"):
            (folder / name).symlink_to(worker.MODEL / name)
        (folder / "tokenizer.json").symlink_to(file)
        served = worker.start(t, model=folder)
        self.connection = http.client.HTTPConnection(served.host, served.port, timeout=process.PATIENCE)
        t.enter(contextlib.closing(self.connection))

    def _post(self, path, body):
        self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer

    def encode(self, text, add_special_tokens):
        return self._post("/tokenize", {"prompt": text, "add_special_tokens": add_special_tokens})["tokens"]

    def decode(self, ids):
        return self._post("/detokenize", {"tokens": ids})["prompt"]


def compare(t, document, texts, dice):
    """Encodes the texts and decodes some ids with both; fails with the first differences."""
    file = t.folder / "tokenizer.json"
    tokenizers.write(file, document)
    texts = [text for text in texts if is_fair(text, document)]
    known = sorted(document["model"]["vocab"].values()) + [added["id"] for added in document["added_tokens"]]
    lists = [[dice.choice(known) for _ in range(dice.randrange(1, 20))] for _ in range(len(texts) // 4)]
    answers = reference(t, file, [{"text": text} for text in texts] + [{"ids": ids} for ids in lists])
    asked = Asked(t, file)
    differences = []
    for number, (text, answer) in enumerate(zip(texts, answers)):
        kind = ("bare", "whole")[number % 2]
        ids = asked.encode(text, kind == "whole")
        if ids != answer[kind]:
            differences.append(f"{text!r} ({kind})\n      worker    {ids}\n      reference {answer[kind]}")
    for ids, answer in zip(lists, answers[len(texts):]):
        text = asked.decode(ids)
        if text != answer["text"]:
            differences.append(f"{ids}\n      worker    {text!r}\n      reference {answer['text']!r}")
    assert not differences, f"{len(differences)} differ, the first:\n    " + "\n    ".join(differences[:5])


for number, (name, kind) in enumerate(tokenizers.every_kind(random.Random(1))):

    @test(f"a tokenizer of the kind {name} gives the ids and texts that the reference gives")
    def _(t, kind=kind, seed=100 + number):
        dice = random.Random(seed)
        compare(t, kind, list(tokenizers.texts(dice, TEXTS)), dice)


@test("the tokenizer of the model that is shipped gives the ids and texts that the reference gives")
def _(t):
    dice = random.Random(99)
    lines = (worker.MODEL.parent / "document.md").read_text(encoding="utf-8").splitlines(keepends=True)
    document = json.loads((worker.MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    compare(t, document, lines + list(tokenizers.texts(dice, TEXTS)), dice)


main()
