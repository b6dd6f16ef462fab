"""Small tokenizer.json files of every kind that the worker reads, and texts that are hard on them."""

import collections
import json
import unicodedata

# The patterns by which vocabularies of these families cut a text before merging.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDINGS}|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_end|>x"]
# Added, but not special; one is the beginning of others, one has letters that NFC composes.
PLAIN = ["<|im", "<tool_call>", "\u00e9t\u00e9", "  "]
COMPOSED = "cafe\u0301!"

_WORDS = ["the", "The", "THE", "gateway", "streams", "tokens", "McDonald", "iPhone", "don't", "it's", "WE'LL", "I'm",
          "you're", "o'clock", "'tis", "x1", "2024-01-01", "3.14159", "1234567", "def main(argv):", "//", "===", "...",
          "https://a.b/c?d=e", "\u00e9t\u00e9", "e\u0301te\u0301", "Stra\u00dfe", "na\u00efve", "\u0434\u0430", "\u4f60\u597d",
          "\u6771\u4eac\u30bf\u30ef\u30fc", "\uc548\ub155", "\u0645\u0631\u062d\u0628\u0627", "\u0928\u092e\u0938\u094d\u0924\u0947",
          "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
          "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "1\ufe0f\u20e3", "\u0663\u0664", "\u00bd", "\u2167", "\u01c5", "\u02b0",
          "hello", " tokens"]
_SPACES = [" ", " ", " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "   ", "\v", "\f", "\x1c", "\x85", "\u00a0", "\u1680",
           "\u180e", "\u2003", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"]
_BLOCKS = [(0x00, 0x7F), (0x80, 0x24F), (0x250, 0x36F), (0x370, 0x52F), (0x530, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF),
           (0x1000, 0x11FF), (0x1200, 0x1FFF), (0x2000, 0x2BFF), (0x2C00, 0x2FFF), (0x3000, 0x33FF), (0x4E00, 0x9FFF),
           (0xA000, 0xABFF), (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFFFF), (0x10000, 0x12FFF), (0x16000, 0x16FFF),
           (0x1D000, 0x1D7FF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x20000, 0x2A6DF), (0xE0000, 0xE01EF)]


def is_assigned(character):
    """Unassigned ones are classed by whoever knows the newest Unicode; the surrogates are no characters."""
    return unicodedata.category(character) not in ("Cn", "Cs")


def _piece(dice):
    kind = dice.randrange(10)
    if kind < 3:
        return dice.choice(_WORDS)
    if kind < 5:
        return dice.choice(_SPACES) * dice.choice((1, 1, 2, 3))
    if kind == 5:
        token = dice.choice(SPECIALS + PLAIN + [COMPOSED])
        return token if dice.random() < 0.7 else token[dice.randrange(len(token)):] + token[:dice.randrange(len(token))]
    if kind == 6:
        return dice.choice("aeiounAZ<>\u30ab\u1100\uac00") + "".join(
            chr(dice.choice((0x300, 0x301, 0x308, 0x323, 0x327, 0x338, 0x1161, 0x11A8, 0x3099))) for _ in range(dice.randrange(1, 4)))
    low, high = dice.choice(_BLOCKS)
    return "".join(filter(is_assigned, (chr(dice.randint(low, high)) for _ in range(dice.randrange(1, 5)))))


def texts(dice, count):
    for _ in range(count):
        yield "".join(_piece(dice) for _ in range(dice.randrange(0, 12)))


def _alphabet():
    """Each byte as the printable character that stands for it in a vocabulary."""
    itself = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in itself]
    return {byte: chr(byte) for byte in itself} | {byte: chr(256 + i) for i, byte in enumerate(others)}


_ALPHABET = _alphabet()


def _spell(data):
    return "".join(_ALPHABET[byte] for byte in data)


def learn(corpus, count):
    """Merges learnt from uncut texts: they reach across every place where a pattern may cut, so that a cut in the
    wrong place shows in the ids."""
    words = [[bytes([byte]) for byte in text.encode()] for text in corpus]
    known, merges = {bytes([byte]) for byte in range(256)}, []
    while len(merges) < count:
        pairs = collections.Counter(pair for word in words for pair in zip(word, word[1:]))
        best = [pair for pair, _ in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
                if pair[0] + pair[1] not in known][:24]
        for left, right in best:
            if left + right not in known:
                known.add(left + right)
                merges.append((left, right))
        chosen = set(best)
        for word in words:
            at = 0
            while at + 1 < len(word):
                if (word[at], word[at + 1]) in chosen:
                    word[at:at + 2] = [word[at] + word[at + 1]]
                at += 1
    return merges[:count]


def document(merges, *, pattern=None, added=(), normalized=(), nfc=False, begin=(), end=(), add_prefix_space=False,
             whole_words=False, pairs=False):
    """A tokenizer.json. `pattern`: None for ByteLevel's own. `added`: (content, special) in order. `normalized`: of
    their contents those that are matched after normalization. `begin`, `end`: special tokens put around a text."""
    vocabulary = {}
    for token in [bytes([byte]) for byte in range(256)] + [left + right for left, right in merges]:
        vocabulary.setdefault(_spell(token), len(vocabulary))
    if whole_words:  # words that no merge makes
        for word in ("hello", " tokens", "\u4f60\u597d", "\n\n\n", "..."):
            vocabulary.setdefault(_spell(word.encode()), len(vocabulary))
    ids = {content: len(vocabulary) + i for i, (content, _) in enumerate(added)}
    level = {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": pattern is None}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    special = lambda content: {"SpecialToken": {"id": content, "type_id": 0}}
    template = {"type": "TemplateProcessing",
                "single": [*map(special, begin), {"Sequence": {"id": "A", "type_id": 0}}, *map(special, end)],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in (*begin, *end)}}
    processors = [level] + ([template] if begin or end else [])
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": ids[content], "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": content in normalized, "special": is_special} for content, is_special in added],
        "normalizer": {"type": "NFC"} if nfc else None,
        "pre_tokenizer": level if pattern is None else {"type": "Sequence", "pretokenizers": [split, level]},
        "post_processor": processors[0] if len(processors) == 1 else {"type": "Sequence", "processors": processors},
        "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": whole_words,
                  "vocab": vocabulary,
                  "merges": [[_spell(a), _spell(b)] if pairs else f"{_spell(a)} {_spell(b)}" for a, b in merges]},
    }


def every_kind(dice):
    """(name, tokenizer.json as a dict): each pattern, with each of the other features somewhere."""
    merges = learn(list(texts(dice, 600)) + _WORDS, 700)
    specials = [(t, True) for t in SPECIALS]
    plain = [(t, False) for t in PLAIN]
    yield "gpt2", document(merges, added=specials[:1])
    yield "gpt2 with its pattern written out", document(merges, pattern=GPT2, added=specials, pairs=True)
    yield "gpt2 with a space in front", document(merges, added=specials, add_prefix_space=True)
    yield "llama3", document(merges, pattern=LLAMA3, added=specials, begin=SPECIALS[:1], whole_words=True)
    yield "qwen2", document(merges, pattern=QWEN2, added=specials + plain, nfc=True, pairs=True)
    yield "o200k", document(merges, pattern=O200K, added=specials, begin=SPECIALS[:1], end=SPECIALS[2:3], pairs=True)
    yield "qwen2 with tokens found after NFC", document(
        merges, pattern=QWEN2, added=specials + plain + [(COMPOSED, False)], normalized=PLAIN + [COMPOSED], nfc=True)


def write(path, tokenizer):
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
