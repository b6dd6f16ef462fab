#!/usr/bin/python3
"""The peer of perf/worker/run: a Llama-like decoder in PyTorch's eager mode on the CPU, random weights.

  torch_decode.py LAYERS HIDDEN HEADS KV_HEADS INNER VOCAB DTYPE THREADS

One line of JSON: milliseconds that a tenth of the steps are below, for one token of 1 and of 8 sequences with 128 to 188
tokens behind them, and for a prompt of 512 tokens. Keys and values lie in tensors made once, and one batch has one
length, which is the best case: no paging, no gather.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

CONTEXT, STEPS, LONGEST = 128, 60, 512


class Decoder:
    def __init__(self, layers, hidden, heads, kv_heads, inner, vocab, dtype):
        self.heads, self.kv_heads, self.dim = heads, kv_heads, hidden // heads
        def weight(rows, columns):
            return (torch.rand(rows, columns) * 2 - 1).mul_((3 / columns) ** 0.5).to(dtype)
        kv = kv_heads * self.dim
        self.embedding, self.head = weight(vocab, hidden), weight(vocab, hidden)
        self.norm = torch.ones(hidden, dtype=dtype)
        self.layers = [{"q": weight(hidden, hidden), "k": weight(kv, hidden), "v": weight(kv, hidden),
                        "o": weight(hidden, hidden), "gate": weight(inner, hidden), "up": weight(inner, hidden),
                        "down": weight(hidden, inner)} for _ in range(layers)]
        frequencies = 1.0 / 10000 ** (torch.arange(0, self.dim, 2).float() / self.dim)
        angles = torch.arange(LONGEST).float()[:, None] * frequencies[None, :]
        self.cos = torch.cat([angles.cos()] * 2, -1).to(dtype)
        self.sin = torch.cat([angles.sin()] * 2, -1).to(dtype)
        self.cache = [torch.zeros(2, 8, kv_heads, LONGEST, self.dim, dtype=dtype) for _ in range(layers)]

    def rms(self, x):
        return x * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + 1e-6).to(x.dtype) * self.norm

    def turn(self, x, begin, end):
        a, b = x.chunk(2, -1)
        return x * self.cos[begin:end] + torch.cat([-b, a], -1) * self.sin[begin:end]

    def step(self, tokens, begin):
        batch, rows = tokens.shape
        end = begin + rows
        x = F.embedding(tokens, self.embedding)
        mask = None
        if rows > 1:
            mask = torch.full((rows, end), float("-inf"), dtype=x.dtype).triu(begin + 1)
        for layer, cache in zip(self.layers, self.cache):
            h = self.rms(x)
            q = F.linear(h, layer["q"]).view(batch, rows, self.heads, self.dim).transpose(1, 2)
            k = F.linear(h, layer["k"]).view(batch, rows, self.kv_heads, self.dim).transpose(1, 2)
            v = F.linear(h, layer["v"]).view(batch, rows, self.kv_heads, self.dim).transpose(1, 2)
            q, k = self.turn(q, begin, end), self.turn(k, begin, end)
            cache[0, :batch, :, begin:end], cache[1, :batch, :, begin:end] = k, v
            keys, values = cache[0, :batch, :, :end], cache[1, :batch, :, :end]
            q = q.reshape(batch, self.kv_heads, -1, self.dim)  # the heads of a group and their rows
            scores = (q @ keys.transpose(-1, -2)) * self.dim ** -0.5
            if mask is not None:
                scores = (scores.view(batch, self.heads, rows, end) + mask).view_as(scores)
            out = (scores.softmax(-1) @ values).reshape(batch, self.heads, rows, self.dim)
            x = x + F.linear(out.transpose(1, 2).reshape(batch, rows, -1), layer["o"])
            h = self.rms(x)
            x = x + F.linear(F.silu(F.linear(h, layer["gate"])) * F.linear(h, layer["up"]), layer["down"])
        return F.linear(self.rms(x[:, -1]), self.head).argmax(-1)


def low(times):
    return sorted(times)[len(times) // 10]


def timed(call):
    begin = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begin)


def main():
    sizes = [int(x) for x in sys.argv[1:7]]
    torch.manual_seed(1)
    torch.set_num_threads(int(sys.argv[8]))
    found = {}
    with torch.inference_mode():
        model = Decoder(*sizes, getattr(torch, sys.argv[7]))
        for batch in (1, 8):
            model.step(torch.randint(sizes[5], (batch, CONTEXT)), 0)
            token = torch.randint(sizes[5], (batch, 1))
            found[f"decode{batch}"] = low([timed(lambda at=at: model.step(token, at)) for at in
                                           range(CONTEXT, CONTEXT + STEPS)])
        prompt = torch.randint(sizes[5], (1, LONGEST))
        found["prefill512"] = low([timed(lambda: model.step(prompt, 0)) for _ in range(4)])
    print(json.dumps({"torch": torch.__version__, **{name: {"step_ms": ms} for name, ms in found.items()}}))


if __name__ == "__main__":
    main()
