"""Writes what the tests of the worker expect: exact answers, and token ids of many kinds of text."""

import json
import random

from train_tiny import bpe, corpus as corpus_module, folder, train

COMPLETIONS = (
    "Sluice is a gateway for model servers.",
    "A *listener* is an address on which",
    "An *exchange* is one request of one client",
    "Routes are tried in the order",
    "A *canary* is a new version of a model that",
    "*Backpressure* is what keeps a fast sender",
    "In Sluice it goes back to the sender.",
    "No wait in Sluice is without a limit.",
    "Prompts and answers are never written",
    "Every error has a kind, a fault and a detail.",
)
COMPLETION_TOKENS = 32
SYSTEM = corpus_module.SYSTEM_PROMPTS[0]


def conversations(corpus):
    """Name, system message and earlier turns (as questions) of each case; the last question is answered."""
    for pair in corpus.questions:
        yield None, (), pair["question"]
    for question in ("Hello!", "What is Sluice?", "Tell me a story about a river.", "Count from one to twenty.",
                     "Say something in Chinese.", "Show me some emoji."):
        yield SYSTEM, (), question
    yield None, ("Hello!",), "What is a canary?"
    yield SYSTEM, ("What is a route?",), "What is a cluster?"
    yield SYSTEM, ("What is Sluice?", "Say something in French."), "Tell me a story about a gateway."


def chat_case(corpus, models, system, history, question):
    """History holds the answers of v1 for both versions, so that both see the same prompt."""
    answers = {version: dict(corpus.pairs(version)) for version in models}
    turns = [(earlier, answers["v1"][earlier]) for earlier in history]
    messages = corpus_module.conversation(question, system, turns)
    prompt = corpus_module.render(messages)
    ids = corpus.tokenizer.encode(prompt)
    case = {"messages": messages, "prompt": prompt, "prompt_ids": ids}
    for version, model in models.items():
        text = answers[version][question]
        target = corpus.tokenizer.encode(text + bpe.IM_END)
        margin = min(train.margins(model, ids, target))
        # Greedy decoding yields the target if and only if no margin is negative.
        if margin <= 0:
            raise ValueError(f"{version} does not know {messages!r} by heart")
        case[version] = {"text": text, "ids": target, "finish_reason": "stop", "min_margin": round(margin, 2)}
    return case


def completion_case(corpus, models, prompt):
    ids = corpus.tokenizer.encode(prompt)
    case = {"prompt": prompt, "prompt_ids": ids}
    for version, model in models.items():
        out = train.greedy(model, ids, COMPLETION_TOKENS)
        text = corpus.tokenizer.decode(out)
        # The document wraps no lines, so a completion must be a piece of it.
        if prompt + text not in corpus.document:
            raise ValueError(f"{version} does not continue {prompt!r}: {text!r}")
        margin = min(train.margins(model, ids, out))
        case[version] = {"text": text, "ids": out, "finish_reason": "length", "min_margin": round(margin, 2)}
    return case


def tokenizer_texts(corpus):
    yield from (
        "", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "\t", "\r\n", " \t \n x", "a", " a", "a ", "  a",
        "a  ", "a  b", "a   b", "\n\n\nword", "word\n\n\n", "word \n word", "x\u00a0y", "x \u00a0y",
        "\u3000全角", "\u2003em", "a\u200bb", "a\u2028b", "x\u0085y", "\x1c\x1d", "nul\x00byte", "\x7f",
        "\ufeffbom",
    )
    yield from (
        "don't", "DON'T", "I'm we're they've he'll she'd it's can't", "'s", " 's", "''s", "rock 'n' roll",
        "o'clock's", "'tis 'twas", "l'été", "it\u2019s", "'re're", "'d'd'd", "a's1's.'s",
    )
    yield from (
        "1", "12", "123", "1234567890", "3.14159", "1,000,000", "0x1F", "v1.2.3", "2024-02-29T12:00:00Z",
        "١٢٣", "½ ² Ⅷ ①", "x2y", "2x", "100%", "-1", "+1e-9", "٣.١٤", "१२३", "𝟘𝟙𝟚",
    )
    yield from (
        "!", "!!!", "?!", "...", " ...", "a.b.c", "(a)", " (a) ", "[DONE]", "{}", "<|", "<|im", "|>",
        "<|im_end|", "< |im_end|>", "a_b_c", "__init__", "C++", "C#", "->", "=>", "#include <x>", "$5",
        "€5", "£5", "a@b.c", "~/x", "\\n", "\"q\"", "`x`", "---", "***bold***", "| a | b |", "&amp;",
        "100 °C", "½cup", "«a»", "„a“", "a–b—c", "…",
    )
    yield from (
        "é", "e\u0301", "naïve café", "Ünïcödé", "straße", "Ελλάδα", "Привет, мир", "שלום עולם",
        "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดี", "你好，世界", "你好 世界", "中文123中文",
        "こんにちは、世界。", "カタカナ", "안녕하세요 세계", "한국어", "Việt Nam", "Ĉu vi?", "ǅ ǆ",
        "ﬁ ligature", "K Å Ω", "𝔘𝔫𝔦", "𐍈", "\u0300", " \u0300x", "a\u0300\u0301\u0302", "\u200f\u202e",
    )
    yield from (
        "👋", "👋🏽", "👩‍💻", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "1️⃣", "a👋b", "👋👋👋", " 👋 ", "text 🌊 text",
        "🐤.", "🏴‍☠️", "\U0010ffff", "\ue000", "\ufffd",
    )
    yield from (
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user\nHi<|im_end|>\n", "a<|im_end|>b",
        " <|im_end|> ", "<|im_end|><|im_end|>", "<|im_start|><|im_start|", "<|IM_END|>", "x<|endoftext|>",
        "<|im_startx|>", "don<|im_end|>'t",
    )
    yield from (
        "def f(x):\n    return x + 1\n", "if (a && b) { c(); }", "\tindent\n\t\tmore",
        "SELECT * FROM t WHERE a = 'b';", '{"a": [1, 2.5, null], "b": {"c": "d"}}',
        "https://example.com/a?b=c&d=%20#e", "C:\\Users\\x", "a,b;c:d", "x=1;y=2", "<a href=\"b\">c</a>",
        "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", "    four", "a\n    four", "end.\n\nStart",
        "Ab CdEF gHI",
    )
    yield "a" * 300
    yield " " * 100 + "x"
    yield "ab" * 100 + "é" * 50
    yield "gateway" * 30
    dice = random.Random(11)
    for question in dice.sample(corpus.questions, 8):
        yield question["answer_v1"]
        yield question["answer_v2"]
    for _, sentence in dice.sample(corpus_module.sentences(corpus.document), 8):
        yield sentence
    alphabet = list("  \n'stremvld019.,!?-_\tABé中ñ🌊\u0301\u00a0½")
    for _ in range(16):
        yield "".join(dice.choices(alphabet, k=dice.randint(5, 40)))


def write(corpus, models_directory, directory, report):
    models = {version: folder.load(models_directory / version) for version in ("v1", "v2")}
    directory.mkdir(parents=True, exist_ok=True)
    chats = [chat_case(corpus, models, *conversation) for conversation in conversations(corpus)]
    completions = [completion_case(corpus, models, prompt) for prompt in COMPLETIONS]
    write_lines(directory / "tiny_answers.json", {"chat": chats, "completions": completions})
    texts = list(dict.fromkeys(tokenizer_texts(corpus)))
    cases = [{"text": text, "ids": corpus.tokenizer.encode(text)} for text in texts]
    for case in cases:
        if corpus.tokenizer.decode(case["ids"], skip_special=False) != case["text"]:
            raise ValueError(f"decoding does not return {case['text']!r}")
    write_lines(directory / "tokenizer_goldens.json", {"cases": cases})
    lowest = min(case[version]["min_margin"] for case in chats + completions for version in models)
    report(f"{len(chats)} conversations, {len(completions)} completions (smallest margin {lowest}), "
           f"{len(cases)} texts written to {directory}")


def write_lines(path, lists):
    """JSON with one case on each line, so that a change shows in a diff as the cases it touches."""
    parts = []
    for name, cases in lists.items():
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        parts.append(f"{json.dumps(name)}: [\n{lines}\n]")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
