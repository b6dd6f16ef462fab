#!/usr/bin/python3
"""An independent forward pass in NumPy float64: the arithmetic that the worker's engine is checked against.

Shares no code with the engine or with the training script. It follows the papers (Llama, RoPE, grouped-query attention,
SwiGLU, RMSNorm) and the conventions of Hugging Face checkpoints. No cache, no batch, no speed: every position is computed
from scratch. Understands Llama, Qwen2 (bias on q, k, v) and Qwen3 (norm on q and k), F32, F16 and BF16 tensors, sharded
checkpoints, and the RoPE scalings `linear` and `llama3`. Anything else is refused.

  numpy_forward.py MODEL_DIR --ids '[1, 2, 3]'                 logits of every position as JSON
  numpy_forward.py MODEL_DIR --ids '[1, 2, 3]' --out FILE      the same as raw little-endian float64 [positions, vocabulary]
  numpy_forward.py MODEL_DIR --ids '[1, 2, 3]' --states        hidden states behind the final norm as JSON
  numpy_forward.py MODEL_DIR --ids '[1, 2, 3]' --generate 20   greedy tokens as JSON: {"ids": [...], "margins": [...]}

Without --ids, the ids are read from standard input. Needs python3-numpy.
"""

import argparse
import json
import mmap
import pathlib
import struct
import sys

import numpy as np


class Checkpoint:
    """Tensors by name, converted to float64 when read."""

    def __init__(self, directory):
        self.entries = {}
        for path in sorted(directory.glob("*.safetensors")):
            with open(path, "rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            (length,) = struct.unpack_from("<Q", data)
            for name, entry in json.loads(data[8 : 8 + length]).items():
                if name != "__metadata__":
                    self.entries[name] = (data, 8 + length, entry)
        if not self.entries:
            sys.exit(f"numpy_forward: no safetensors file in {directory}")

    def __contains__(self, name):
        return name in self.entries

    def __getitem__(self, name):
        data, base, entry = self.entries[name]
        begin, end = entry["data_offsets"]
        raw = data[base + begin : base + end]
        if entry["dtype"] == "BF16":
            # A bfloat16 is the upper half of a float32.
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        elif entry["dtype"] in ("F32", "F16", "F64"):
            values = np.frombuffer(raw, {"F32": "<f4", "F16": "<f2", "F64": "<f8"}[entry["dtype"]])
        else:
            sys.exit(f"numpy_forward: {name} has the type {entry['dtype']}")
        return values.astype(np.float64).reshape(entry["shape"])


def inverse_frequencies(config, head_dim):
    frequencies = 1.0 / config.get("rope_theta", 10000.0) ** (np.arange(0, head_dim, 2) / head_dim)
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return frequencies
    if kind == "linear":
        return frequencies / scaling["factor"]
    if kind == "llama3":
        # Long waves are slowed down by `factor`, short ones kept, those between are blended.
        turns = scaling["original_max_position_embeddings"] * frequencies / (2 * np.pi)
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        keep = np.clip((turns - low) / (high - low), 0.0, 1.0)
        return frequencies * (keep + (1.0 - keep) / scaling["factor"])
    sys.exit(f"numpy_forward: RoPE scaling {kind} is not supported")


class Model:
    def __init__(self, directory):
        self.directory = directory
        self.config = self.read_json("config.json")
        if self.config["model_type"] not in ("llama", "qwen2", "qwen3"):
            sys.exit(f"numpy_forward: model type {self.config['model_type']} is not supported")
        if self.config.get("hidden_act", "silu") != "silu":
            sys.exit(f"numpy_forward: activation {self.config['hidden_act']} is not supported")
        self.heads = self.config["num_attention_heads"]
        self.kv_heads = self.config.get("num_key_value_heads", self.heads)
        self.head_dim = self.config.get("head_dim") or self.config["hidden_size"] // self.heads
        self.tensors = Checkpoint(directory)

    def read_json(self, name):
        path = self.directory / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def linear(self, name, x):
        y = x @ self.tensors[f"{name}.weight"].T
        return y + self.tensors[f"{name}.bias"] if f"{name}.bias" in self.tensors else y

    def norm(self, name, x):
        mean_square = np.mean(x * x, axis=-1, keepdims=True)
        return x / np.sqrt(mean_square + self.config["rms_norm_eps"]) * self.tensors[f"{name}.weight"]

    def heads_of(self, name, x, count):
        y = self.linear(f"{name}_proj", x).reshape(len(x), count, self.head_dim)
        return self.norm(f"{name}_norm", y) if f"{name}_norm.weight" in self.tensors else y

    def rotate(self, x):
        """Element i of a head turns with element i + head_dim / 2, by position × frequency i."""
        angles = np.arange(len(x))[:, None, None] * inverse_frequencies(self.config, self.head_dim)
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)

    def attention(self, name, x):
        q = self.rotate(self.heads_of(f"{name}.q", x, self.heads))
        k = self.rotate(self.heads_of(f"{name}.k", x, self.kv_heads))
        v = self.linear(f"{name}.v_proj", x).reshape(len(x), self.kv_heads, self.head_dim)
        out = np.empty_like(q)
        future = np.triu(np.ones((len(x), len(x)), dtype=bool), 1)
        for head in range(self.heads):
            group = head * self.kv_heads // self.heads
            scores = q[:, head] @ k[:, group].T / np.sqrt(self.head_dim)
            scores[future] = -np.inf
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            out[:, head] = weights / weights.sum(axis=-1, keepdims=True) @ v[:, group]
        return self.linear(f"{name}.o_proj", out.reshape(len(x), -1))

    def feed_forward(self, name, x):
        gate = self.linear(f"{name}.gate_proj", x)
        return self.linear(f"{name}.down_proj", gate / (1.0 + np.exp(-gate)) * self.linear(f"{name}.up_proj", x))

    def states(self, ids):
        """Behind the final norm."""
        embedding = self.tensors["model.embed_tokens.weight"]
        if not ids or min(ids) < 0 or max(ids) >= len(embedding):
            sys.exit(f"numpy_forward: ids must be a list of numbers from 0 to {len(embedding) - 1}, and not empty")
        x = embedding[ids]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"model.layers.{layer}"
            x = x + self.attention(f"{name}.self_attn", self.norm(f"{name}.input_layernorm", x))
            x = x + self.feed_forward(f"{name}.mlp", self.norm(f"{name}.post_attention_layernorm", x))
        return self.norm("model.norm", x)

    def logits(self, ids):
        tied = self.config.get("tie_word_embeddings")
        return self.states(ids) @ self.tensors["model.embed_tokens.weight" if tied else "lm_head.weight"].T

    def generate(self, ids, count):
        """Greedy. Stops at the end-of-sequence tokens of config.json and generation_config.json; the margin of a token
        is its logit less that of the runner-up."""
        ids, start, margins, ends = list(ids), len(ids), [], self.end_ids()
        while len(ids) < start + count:
            last = self.logits(ids)[-1]
            ids.append(int(last.argmax()))
            second, first = np.partition(last, -2)[-2:]
            margins.append(float(first - second))
            if ids[-1] in ends:
                break
        return {"ids": ids[start:], "margins": margins}

    def end_ids(self):
        found = [self.read_json(name).get("eos_token_id") for name in ("config.json", "generation_config.json")]
        return {number for item in found for number in (item if isinstance(item, list) else [item])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, metavar="MODEL_DIR")
    parser.add_argument("--ids", help="JSON list of token ids; standard input if left out")
    parser.add_argument("--out", type=pathlib.Path, help="write raw float64 logits here instead of printing JSON")
    parser.add_argument("--generate", type=int, metavar="N", help="print at most N greedy tokens instead of logits")
    parser.add_argument("--states", action="store_true", help="print hidden states instead of logits")
    options = parser.parse_args()
    ids = json.loads(options.ids if options.ids is not None else sys.stdin.read())
    model = Model(options.model)
    if options.generate is not None:
        print(json.dumps(model.generate(ids, options.generate)))
    elif options.states:
        print(json.dumps(model.states(ids).tolist()))
    elif options.out:
        model.logits(ids).astype("<f8").tofile(options.out)
    else:
        print(json.dumps(model.logits(ids).tolist()))


if __name__ == "__main__":
    main()
