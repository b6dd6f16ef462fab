"""The training loop and the proof that the rounded weights still know everything by heart."""

import math
import random
import time

import torch
from torch.nn import functional

from train_tiny import bpe, corpus as corpus_module
from train_tiny.model import TinyLlama

TOKENS_PER_STEP = 2048
PEAK_RATE = 4e-3
WARM_UP = 50  # steps
DOCUMENT_EVERY = 2  # every second step reads the document, the others hold conversations


def batches_of_chat(corpus, pairs, dice):
    """Endless batches of conversations of similar length, so that little of a batch is padding."""
    while True:
        samples = [corpus.chat_sample(dice, pair, pairs) for pair in pairs for _ in range(2)]
        samples.sort(key=lambda sample: len(sample[0]))
        batches, batch = [], []
        for sample in samples:
            if batch and len(sample[0]) * (len(batch) + 1) > TOKENS_PER_STEP:
                batches.append(batch)
                batch = []
            batch.append(sample)
        batches.append(batch)
        dice.shuffle(batches)
        yield from batches


def tensors(samples):
    length = max(len(ids) for ids, _ in samples)
    ids = torch.zeros(len(samples), length, dtype=torch.long)
    weights = torch.zeros(len(samples), length)
    for row, (sample, weight) in enumerate(samples):
        ids[row, : len(sample)] = torch.tensor(sample)
        weights[row, : len(sample)] = torch.tensor(weight)
    return ids, weights


def loss_of(model, ids, weights):
    logits = model(ids[:, :-1])
    losses = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    weights = weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def learning_rate(step, steps):
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    progress = (step - WARM_UP) / max(1, steps - WARM_UP)
    return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def train(corpus, version, steps, seed, report):
    torch.manual_seed(seed)
    dice = random.Random(seed)
    model = TinyLlama()
    pairs = corpus.pairs(version)
    chats = batches_of_chat(corpus, pairs, dice)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    began = time.monotonic()
    mean = {"document": math.nan, "chat": math.nan}
    for step in range(steps):
        if step % DOCUMENT_EVERY == 0:
            name = "document"
            samples = corpus.document_windows(dice, TOKENS_PER_STEP)
        else:
            name = "chat"
            samples = next(chats)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps)
        loss = loss_of(model, *tensors(samples))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        mean[name] = loss.item() if math.isnan(mean[name]) else 0.9 * mean[name] + 0.1 * loss.item()
        if step % 50 == 49 or step == steps - 1:
            elapsed = time.monotonic() - began
            report(f"{version}: step {step + 1}/{steps}, loss: document {mean['document']:.4f}, "
                   f"chat {mean['chat']:.4f}, {elapsed:.0f} s")
    model.round_to_bf16()
    return model, mean


@torch.no_grad()
def margins(model, prompt, target):
    """For each token of `target` after `prompt`: its logit less the best other logit. All above 0 means that greedy
    decoding prints exactly `target`."""
    logits = model(torch.tensor([prompt + target]))[0, len(prompt) - 1 : -1]
    wanted = torch.tensor(target)[:, None]
    own = logits.gather(1, wanted)[:, 0]
    return (own - logits.scatter(1, wanted, -math.inf).max(1).values).tolist()


@torch.no_grad()
def greedy(model, prompt, count, stop=()):
    ids = list(prompt)
    for _ in range(count):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
        if ids[-1] in stop:
            break
    return ids[len(prompt) :]


def verify(corpus, model, version, seed):
    """Every answer in five settings, and every sentence of the document from half of its words."""
    dice = random.Random(seed + 1000)
    encode = corpus.tokenizer.encode
    pairs = corpus.pairs(version)
    settings = {
        "alone": lambda: (None, ()),
        "with a system message": lambda: (corpus_module.SYSTEM_PROMPTS[0], ()),
        "with an unknown system message": lambda: ("Be kind and precise.", ()),
        "after one turn": lambda: (None, dice.sample(pairs, 1)),
        "after a system message and two turns": lambda: (corpus_module.SYSTEM_PROMPTS[0], dice.sample(pairs, 2)),
    }
    figures = {}
    for name, setting in settings.items():
        lowest, wrong = [], []
        for question, answer in pairs:
            system, history = setting()
            prompt = encode(corpus_module.render(corpus_module.conversation(question, system, history)))
            lowest.append(min(margins(model, prompt, encode(answer + bpe.IM_END))))
            if lowest[-1] <= 0:
                wrong.append(question)
        figures[name] = {"exact": len(pairs) - len(wrong), "of": len(pairs), "min_margin": round(min(lowest), 2),
                         "wrong": wrong}
    lowest, wrong = [], []
    for _, sentence in corpus_module.sentences(corpus.document):
        words = sentence.split(" ")
        prompt = encode(" ".join(words[: max(3, (len(words) + 1) // 2)]))
        target = encode(sentence)[len(prompt) :]
        if target:
            lowest.append(min(margins(model, prompt, target)))
            if lowest[-1] <= 0:
                wrong.append(sentence)
    figures["sentences of the document"] = {"exact": len(lowest) - len(wrong), "of": len(lowest),
                                            "min_margin": round(min(lowest), 2), "wrong": wrong}
    return figures
