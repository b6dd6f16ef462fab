#!/usr/bin/python3
"""Writes data/<name>/: small random checkpoints of the supported architectures with the logits and the greedy
continuation that a float64 forward pass in NumPy gives them. Run by hand when the cases change; the tests read only
the files. Nothing here is shared with the C++ code, which is the point."""

import json
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).parent / "data"
VOCAB, HIDDEN, INNER, LAYERS, HEADS, KV_HEADS = 61, 24, 40, 2, 4, 2


def stored(values, dtype):
    """The tensor's bytes, and the values a reader gets from them."""
    if dtype == "F32":
        data = values.astype("<f4")
        return data.tobytes(), data.astype(np.float64)
    if dtype == "F16":
        data = values.astype("<f2")
        return data.tobytes(), data.astype(np.float64)
    bits = values.astype("<f4").view("<u4")
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
    return rounded.tobytes(), (rounded.astype("<u4") << 16).view("<f4").astype(np.float64)


def shapes(config):
    dim = config["head_dim"]
    bias, output_bias, mlp_bias = config["_qkv_bias"], config["_output_bias"], config.get("mlp_bias", False)
    yield "model.embed_tokens.weight", (VOCAB, HIDDEN)
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        yield p + "input_layernorm.weight", (HIDDEN,)
        for name, rows in (("q", HEADS * dim), ("k", KV_HEADS * dim), ("v", KV_HEADS * dim)):
            yield p + f"self_attn.{name}_proj.weight", (rows, HIDDEN)
            if bias:
                yield p + f"self_attn.{name}_proj.bias", (rows,)
        yield p + "self_attn.o_proj.weight", (HIDDEN, HEADS * dim)
        if output_bias:
            yield p + "self_attn.o_proj.bias", (HIDDEN,)
        if config["_head_norms"]:
            yield p + "self_attn.q_norm.weight", (dim,)
            yield p + "self_attn.k_norm.weight", (dim,)
        yield p + "post_attention_layernorm.weight", (HIDDEN,)
        for name, rows, columns in (("gate", INNER, HIDDEN), ("up", INNER, HIDDEN), ("down", HIDDEN, INNER)):
            yield p + f"mlp.{name}_proj.weight", (rows, columns)
            if mlp_bias:
                yield p + f"mlp.{name}_proj.bias", (rows,)
    yield "model.norm.weight", (HIDDEN,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (VOCAB, HIDDEN)


def write_safetensors(path, tensors, dtype):
    header, data, values = {"__metadata__": {"format": "pt"}}, b"", {}
    for name, value in tensors.items():
        raw, values[name] = stored(value, dtype)
        header[name] = {"dtype": dtype, "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return {name: value.reshape(tensors[name].shape) for name, value in values.items()}


def frequencies(config):
    dim = config["head_dim"]
    freq = config["rope_theta"] ** -(np.arange(0, dim, 2) / dim)
    scaling = config.get("rope_scaling")
    if not scaling:
        return freq
    if scaling["rope_type"] == "linear":
        return freq / scaling["factor"]
    wavelength = 2 * np.pi / freq
    low, high, original = (scaling[k] for k in ("low_freq_factor", "high_freq_factor",
                                                "original_max_position_embeddings"))
    smooth = (original / wavelength - low) / (high - low)
    mixed = (1 - smooth) * freq / scaling["factor"] + smooth * freq
    return np.where(wavelength < original / high, freq, np.where(wavelength > original / low,
                                                                 freq / scaling["factor"], mixed))


def norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def forward(w, config, tokens):
    dim, eps, n = config["head_dim"], config["rms_norm_eps"], len(tokens)
    angles = np.outer(np.arange(n), frequencies(config))
    cos, sin = (np.concatenate([f(angles)] * 2, -1)[:, None, :] for f in (np.cos, np.sin))

    def rotate(x):
        return x * cos + np.concatenate([-x[..., dim // 2:], x[..., :dim // 2]], -1) * sin

    def linear(x, name):
        return x @ w[name + ".weight"].T + w.get(name + ".bias", 0.0)

    x = w["model.embed_tokens.weight"][tokens]
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        h = norm(x, w[p + "input_layernorm.weight"], eps)
        q = linear(h, p + "self_attn.q_proj").reshape(n, HEADS, dim)
        k = linear(h, p + "self_attn.k_proj").reshape(n, KV_HEADS, dim)
        v = linear(h, p + "self_attn.v_proj").reshape(n, KV_HEADS, dim)
        if config["_head_norms"]:
            q = norm(q, w[p + "self_attn.q_norm.weight"], eps)
            k = norm(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = rotate(q), rotate(k)
        k, v = (np.repeat(t, HEADS // KV_HEADS, axis=1) for t in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(dim)
        scores = np.where(np.tril(np.ones((n, n), bool)), scores, -np.inf)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        x = x + linear(np.einsum("hij,jhd->ihd", shares, v).reshape(n, HEADS * dim), p + "self_attn.o_proj")
        h = norm(x, w[p + "post_attention_layernorm.weight"], eps)
        gate = linear(h, p + "mlp.gate_proj")
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(h, p + "mlp.up_proj"), p + "mlp.down_proj")
    head = w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"]
    return norm(x, w["model.norm.weight"], eps) @ head.T


def make(name, seed, dtype, head_dim=8, **config):
    dice = np.random.default_rng(seed)
    private = {"_qkv_bias": False, "_output_bias": False, "_head_norms": False}
    private.update({k: config.pop(k) for k in list(config) if k.startswith("_")})
    public = {"vocab_size": VOCAB, "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS,
              "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": head_dim,
              "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
              "tie_word_embeddings": False, "eos_token_id": [1], "torch_dtype": dtype.lower(), **config}
    every = {**public, **private}
    tensors = {}
    for tensor, shape in shapes(every):
        scale = 1.0 if len(shape) == 1 or "embed" in tensor or "lm_head" in tensor else 2.0
        value = dice.standard_normal(shape) * scale / np.sqrt(shape[-1])
        tensors[tensor] = value + 1.0 if "norm" in tensor else value
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(public, indent=1) + "\n")
    weights = write_safetensors(folder / "model.safetensors", tensors, dtype)

    prompt = [int(t) for t in dice.integers(2, VOCAB, 20)]
    logits = forward(weights, every, prompt)
    tokens, margin = list(prompt), np.inf
    for _ in range(40):
        last = forward(weights, every, tokens)[-1]
        best = np.sort(last)
        margin = min(margin, best[-1] - best[-2])
        tokens.append(int(last.argmax()))
    # The greedy answer can be asserted only where no rounding can change it.
    if margin < 2e-3:
        return make(name, seed + 100, dtype, head_dim, **config, **{k: v for k, v in private.items() if v})
    rows = ",\n".join(json.dumps([round(float(v), 6) for v in row]) for row in logits)
    (folder / "reference.json").write_text('{"prompt": %s,\n"greedy": %s,\n"logits": [\n%s]}\n'
                                           % (prompt, tokens[len(prompt):], rows))
    print(name, "smallest margin", margin, "largest logit", np.abs(logits).max())


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64}
make("llama_f32", 1, "F32", architectures=["LlamaForCausalLM"])
make("llama_scaled_bf16", 5, "BF16", architectures=["LlamaForCausalLM"], rope_scaling=LLAMA3, attention_bias=True,
     mlp_bias=True, _qkv_bias=True, _output_bias=True)
make("qwen2_bf16", 4, "BF16", architectures=["Qwen2ForCausalLM"], use_sliding_window=False, sliding_window=4096,
     _qkv_bias=True)
make("qwen3_f16", 3, "F16", head_dim=20, architectures=["Qwen3ForCausalLM"], tie_word_embeddings=True,
     _head_norms=True)
