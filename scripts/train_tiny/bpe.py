"""Byte-level BPE: learns merges, encodes, decodes, and writes a Hugging Face tokenizer.json.

Written to be read beside the C++ tokenizer, as its independent check: it favours the obvious over the fast.
"""

import unicodedata
from collections import Counter, defaultdict

END_OF_TEXT = "<|endoftext|>"
IM_START = "<|im_start|>"
IM_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, IM_START, IM_END)  # ids 0, 1, 2

# Unicode White_Space. Python's str.isspace() also accepts U+001C..U+001F, which \s of the pattern does not.
WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


def byte_alphabet():
    """The byte -> character table of byte-level BPE: printable bytes stand for themselves, the other 68 for
    the characters from U+0100 on, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(0x100 + len(table) - len(printable))
    return table


BYTE_TO_CHAR = byte_alphabet()
CHAR_TO_BYTE = {char: byte for byte, char in BYTE_TO_CHAR.items()}


def kind(char):
    """S(pace), L(etter), N(umber) or O(ther): the four classes that the GPT-2 pattern tells apart."""
    if char in WHITE_SPACE:
        return "S"
    category = unicodedata.category(char)[0]
    return category if category in "LN" else "O"


def split_words(text):
    r"""Splits as the GPT-2 pattern does, by hand because Python's re has no \p{L}:
    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    words = []
    at = 0
    while at < len(text):
        contraction = next((c for c in CONTRACTIONS if text.startswith(c, at)), None)
        first = at + 1 if text[at] == " " else at
        if contraction:
            end = at + len(contraction)
        elif first < len(text) and kind(text[first]) != "S":
            end = first + 1
            while end < len(text) and kind(text[end]) == kind(text[first]):
                end += 1
        else:
            end = at + 1
            while end < len(text) and kind(text[end]) == "S":
                end += 1
            # \s+(?!\S): the last white space before a word is left for the word.
            if end < len(text) and end - at > 1:
                end -= 1
        words.append(text[at:end])
        at = end
    return words


def to_symbols(word):
    return tuple(BYTE_TO_CHAR[byte] for byte in word.encode("utf-8"))


def merge_pair(symbols, pair):
    merged = []
    at = 0
    while at < len(symbols):
        if symbols[at : at + 2] == pair:
            merged.append(pair[0] + pair[1])
            at += 2
        else:
            merged.append(symbols[at])
            at += 1
    return tuple(merged)


def learn_merges(texts, vocabulary_size):
    """The most frequent pair becomes a token, until the vocabulary is full. Ties go to the smaller pair, so that
    equal texts give equal merges."""
    counts = Counter()
    for text in texts:
        counts.update(to_symbols(word) for word in split_words(text))
    words = [[symbols, count] for symbols, count in sorted(counts.items())]
    pairs = Counter()
    where = defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += count
            where[pair].add(index)
    merges = []
    while len(merges) < vocabulary_size - 256 - len(SPECIAL_TOKENS):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            raise ValueError(f"the corpus is too small for a vocabulary of {vocabulary_size}")
        merges.append(best)
        for index in sorted(where[best]):
            old, count = words[index]
            new = merge_pair(old, best)
            for pair in zip(old, old[1:]):
                pairs[pair] -= count
            for pair in zip(new, new[1:]):
                pairs[pair] += count
                where[pair].add(index)
            words[index][0] = new
        pairs += Counter()  # drops pairs that no longer occur
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.rank = {pair: rank for rank, pair in enumerate(self.merges)}
        tokens = [*SPECIAL_TOKENS, *(BYTE_TO_CHAR[byte] for byte in sorted(BYTE_TO_CHAR))]
        tokens += [left + right for left, right in self.merges]
        self.tokens = tokens
        self.ids = {token: number for number, token in enumerate(tokens)}
        self.cache = {}

    def encode_word(self, word):
        if word not in self.cache:
            symbols = to_symbols(word)
            while len(symbols) > 1:
                best = min(zip(symbols, symbols[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
                if best not in self.rank:
                    break
                symbols = merge_pair(symbols, best)
            self.cache[word] = [self.ids[symbol] for symbol in symbols]
        return self.cache[word]

    def encode(self, text):
        """Special tokens written out in the text become their ids, as in the Hugging Face library."""
        ids = []
        while text:
            found = [(text.find(token), token) for token in SPECIAL_TOKENS if token in text]
            cut, special = min(found, default=(len(text), None))
            for word in split_words(text[:cut]):
                ids += self.encode_word(word)
            if special is None:
                break
            ids.append(self.ids[special])
            text = text[cut + len(special) :]
        return ids

    def decode(self, ids, skip_special=True):
        data = b""
        for number in ids:
            token = self.tokens[number]
            if token in SPECIAL_TOKENS:
                data += b"" if skip_special else token.encode()
            else:
                data += bytes(CHAR_TO_BYTE[char] for char in token)
        return data.decode("utf-8", errors="replace")

    def hugging_face_json(self):
        def added(token):
            flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
            return {"id": self.ids[token], "content": token, **flags}

        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [added(token) for token in SPECIAL_TOKENS],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": None,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "dropout": None,
                "unk_token": None,
                "continuing_subword_prefix": None,
                "end_of_word_suffix": None,
                "fuse_unk": False,
                "byte_fallback": False,
                "ignore_merges": False,
                "vocab": self.ids,
                "merges": [f"{left} {right}" for left, right in self.merges],
            },
        }
