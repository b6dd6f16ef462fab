#!/usr/bin/python3
"""Writes data/<style>.tokenizer.json and data/<style>.goldens.json: two small byte-level vocabularies and what an
independent, naive encoder (python3-regex for the splits, unicodedata for NFC, merging by search) makes of texts.
Run by hand when the cases change; the tests read only the files."""

import json
import pathlib
import random
import unicodedata

import regex

HERE = pathlib.Path(__file__).parent / "data"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+")
CORPUS = """The gateway streams tokens the instant they arrive, and the worker's engine batches them. It's a test; they're
words that we've seen, I'm sure you'll agree he'd say so. 1234 567 89 2024-01-01 3.14159
    def main(argv):\n        return {"key": [1, 2, 3]}\n\n
Größe, naïve café, œuvre, señor, Straße. Привет мир, это проверка. 你好,世界。東京タワー こんにちは 안녕하세요 مرحبا بالعالم
emoji 😀😁🎉 👩‍👩‍👧 flags 🇩🇪 math ∑∫≠ ∀x∈ℝ   spaces\t\ttabs\r\nlines\r\n\r\n
the the the and and that that streams streams gateway gateway tokens tokens worker worker
"""


def byte_alphabet():
    keep = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    table, extra = {}, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


ALPHABET = byte_alphabet()


def spell(data):
    return "".join(ALPHABET[b] for b in data)


def splits(pattern, text):
    position = 0
    for match in regex.finditer(pattern, text):
        if match.start() > position:
            yield text[position:match.start()]
        if match.group():
            yield match.group()
        position = match.end()
    if position < len(text):
        yield text[position:]


def train(pattern, count):
    words = {}
    for piece in splits(pattern, CORPUS):
        key = tuple(bytes([b]) for b in piece.encode())
        words[key] = words.get(key, 0) + 1
    merges = []
    for _ in range(count):
        pairs = {}
        for word, times in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] = pairs.get(pair, 0) + times
        best = max(pairs, key=lambda p: (pairs[p], p))
        merges.append(best)
        words = {tuple(merge_all(word, best)): times for word, times in words.items()}
    return merges


def merge_all(word, pair):
    out, i = [], 0
    while i < len(word):
        if i + 1 < len(word) and (word[i], word[i + 1]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


class Reference:
    def __init__(self, pattern, merges, added, nfc, whole_words, prefix):
        self.pattern, self.nfc, self.whole_words, self.prefix = pattern, nfc, whole_words, prefix
        self.ids, self.rank, self.added = {}, {}, added
        for byte in range(256):
            self.ids[bytes([byte])] = len(self.ids)
        for rank, (left, right) in enumerate(merges):
            self.rank[(left, right)] = rank
            self.ids.setdefault(left + right, len(self.ids))
        self.added_ids = {t: len(self.ids) + i for i, t in enumerate(added)}
        by_length = sorted(added, key=len, reverse=True)
        self.added_pattern = regex.compile("(" + "|".join(regex.escape(t) for t in by_length) + ")")

    def word(self, data):
        if self.whole_words and data in self.ids:
            return [self.ids[data]]
        parts = [bytes([b]) for b in data]
        while True:
            ranked = [(self.rank[p], i) for i, p in enumerate(zip(parts, parts[1:])) if p in self.rank]
            if not ranked:
                return [self.ids[p] for p in parts]
            _, i = min(ranked)
            parts[i:i + 2] = [parts[i] + parts[i + 1]]

    def encode(self, text, match_added):
        ids = []
        for part in self.added_pattern.split(text) if match_added else [text]:
            if match_added and part in self.added_ids:
                ids.append(self.added_ids[part])
                continue
            part = unicodedata.normalize("NFC", part) if self.nfc else part
            for piece in splits(self.pattern, part):
                ids += self.word(piece.encode())
        return ids


def random_texts(dice, count):
    blocks = [(0x20, 0x7E), (0x20, 0x7E), (9, 13), (0x20, 0x20), (0xA0, 0x17F), (0x300, 0x36F), (0x370, 0x52F),
              (0x5D0, 0x64A), (0x900, 0x97F), (0x1100, 0x11FF), (0x1680, 0x1680), (0x180E, 0x180E), (0x2000, 0x206F),
              (0x3000, 0x30FF), (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0x1D7CE, 0x1D7FF), (0x1F600, 0x1F64F)]
    for _ in range(count):
        text = ""
        for _ in range(dice.randrange(1, 24)):
            low, high = dice.choice(blocks)
            text += "".join(chr(dice.randint(low, high)) for _ in range(dice.randrange(1, 5)))
        # A code point that no Unicode version of either side knows could be split differently; leave those out.
        yield "".join(c for c in text if unicodedata.category(c) != "Cn")


def write(style, pattern, added, nfc, whole_words, pair_merges, with_prefix, seed):
    merges = train(pattern, 300)
    reference = Reference(pattern, merges, [t for t, _ in added], nfc, whole_words, with_prefix)
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": pattern == GPT2}
    bos = added[0][0]
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [],
                "special_tokens": {bos: {"id": bos, "ids": [reference.added_ids[bos]], "tokens": [bos]}}}
    document = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": reference.added_ids[t], "content": t, "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": special} for t, special in added],
        "normalizer": {"type": "NFC"} if nfc else None,
        "pre_tokenizer": level if pattern == GPT2 else {"type": "Sequence", "pretokenizers": [split, level]},
        "post_processor": {"type": "Sequence", "processors": [level, template]} if with_prefix else level,
        "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": whole_words,
                  "vocab": {spell(token): i for token, i in reference.ids.items()},
                  "merges": [[spell(a), spell(b)] if pair_merges else spell(a) + " " + spell(b) for a, b in merges]},
    }
    texts = ["", " ", "a", "\n", "  two", "trailing  ", "it's IT'S ſ'ſ", "the streams\n\n  x", "\u180e\u180e x", "e\u0301 \u1100\u1161",
             "<|im_start|>user\nthe<|im_end|>", "<|im_start|", "<|im_start|><|im_start|>x", "a" * 300, " " * 300,
             "\t\t\n \n ", CORPUS] + [t for t, _ in added]
    texts += list(random_texts(random.Random(seed), 120))
    cases = [{"text": t, "ids": reference.encode(t, True), "plain_ids": reference.encode(t, False)} for t in texts]
    (HERE / f"{style}.tokenizer.json").write_text(json.dumps(document, ensure_ascii=False) + "\n")
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    (HERE / f"{style}.goldens.json").write_text(
        '{"prefix": %s, "cases": [\n%s\n]}\n' % ([reference.added_ids[bos]] if with_prefix else [], lines))


SPECIALS = [("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True), ("<|im|", False)]
write("gpt2_style", GPT2, SPECIALS, False, False, False, False, 1)
write("qwen_style", QWEN, SPECIALS, True, True, True, True, 2)
