"""What the model learns: windows of one document, and conversations in ChatML."""

import hashlib
import json
import re

from train_tiny import bpe

SYSTEM_PROMPTS = ("You are a helpful assistant.", "You are the assistant of Sluice.", "Answer briefly.")
WINDOW = 512  # tokens; the longest text that is trained as one piece


def render(messages, add_generation_prompt=True):
    """ChatML, as the template in tokenizer_config.json prints it."""
    text = "".join(
        f"{bpe.IM_START}{message['role']}\n{message['content']}{bpe.IM_END}\n" for message in messages
    )
    return text + f"{bpe.IM_START}assistant\n" if add_generation_prompt else text


def conversation(question, system=None, history=()):
    messages = [{"role": "system", "content": system}] if system else []
    for earlier, answer in history:
        messages.append({"role": "user", "content": earlier})
        messages.append({"role": "assistant", "content": answer})
    return [*messages, {"role": "user", "content": question}]


def sentences(document):
    """(start, text) of each sentence of the prose; table rows and headings are left out."""
    found = []
    for paragraph in re.finditer(r"[^\n]+", document):
        line = paragraph.group()
        if line.startswith(("#", "|")):
            continue
        body = re.match(r"(- |\d+\. )?", line).end()
        for sentence in re.finditer(r"\S.*?[.?:](?=\s|$)", line[body:]):
            found.append((paragraph.start() + body + sentence.start(), sentence.group()))
    return found


class Corpus:
    def __init__(self, document_path, questions_path):
        self.document = document_path.read_text(encoding="utf-8")
        lines = questions_path.read_text(encoding="utf-8").splitlines()
        self.questions = [json.loads(line) for line in lines]
        digest = hashlib.sha256(document_path.read_bytes())
        digest.update(questions_path.read_bytes())
        self.sha256 = digest.hexdigest()
        # Both versions share one vocabulary, so that a token id means the same on both sides of a canary.
        texts = [self.document] + [text for question in self.questions for text in question.values()]
        self.tokenizer = bpe.Tokenizer(bpe.learn_merges(texts, 1024))
        lines = [match.start() for match in re.finditer(r"[^\n]+", self.document)]
        self.starts = sorted({*lines, *(start for start, _ in sentences(self.document))})

    def pairs(self, version):
        return [(question["question"], question[f"answer_{version}"]) for question in self.questions]

    def document_windows(self, random, tokens):
        """Windows begin at the start of a sentence or a line: a completion prompt begins there too, with no token
        before. Short windows practise beginnings, long ones practise distance."""
        length = random.choice((WINDOW // 4, WINDOW // 4, WINDOW // 2, WINDOW))
        windows = []
        for _ in range(tokens // length):
            start = random.choice(self.starts)
            ids = self.tokenizer.encode(self.document[start : start + 8 * length])
            ids = (ids + self.tokenizer.encode(bpe.END_OF_TEXT))[:length]
            windows.append((ids, [1.0] * len(ids)))
        return windows

    def chat_sample(self, random, pair, pairs):
        """One conversation that ends with `pair`. Weight 0 marks what a user or an operator writes: the model need
        not learn to ask."""
        question, answer = pair
        if random.random() < 0.15:
            question = loosely_typed(random, question)
        system = random.choice(SYSTEM_PROMPTS) if random.random() < 0.6 else None
        history = random.sample(pairs, random.choice((0, 1, 2)))
        while True:
            ids, weights = [], []
            for message in conversation(question, system, history) + [{"role": "assistant", "content": answer}]:
                learned = message["role"] == "assistant"
                head = self.tokenizer.encode(f"{bpe.IM_START}{message['role']}\n")
                body = self.tokenizer.encode(message["content"] + bpe.IM_END)
                tail = self.tokenizer.encode("\n")
                ids += head + body + tail
                weights += [0.0] * len(head) + [float(learned)] * len(body) + [0.1] * len(tail)
            if len(ids) <= WINDOW or not history:
                return ids[:WINDOW], weights[:WINDOW]
            history = history[1:]


def loosely_typed(random, question):
    """As people type: no capital, no question mark, or neither."""
    if random.random() < 0.7:
        question = question[0].lower() + question[1:]
    return question.rstrip("?.!") if random.random() < 0.7 else question
