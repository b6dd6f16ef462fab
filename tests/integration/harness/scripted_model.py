"""A checkpoint that always says the same: behind a first token come the pieces of its script, one token each.

Every token's embedding is a direction of its own, attention and feed-forward add nothing, and the head leads from each
direction to the next piece. So the engine, the sampler and the API are the real ones, and a test knows the answer."""

import json
import struct

from . import tokenizers

END = "<|end|>"
ANSWER, CALL, AFTER_TOOL = "<|answer|>", "<|call|>", "<|after|>"
TEMPLATE = ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
            "{% if tools %}{{ tools | tojson }}\n{% endif %}"
            "{% if messages[-1].role == 'tool' %}<|after|>{% elif tools %}<|call|>{% else %}<|answer|>{% endif %}")


def write(folder, scripts):
    """`scripts`: for each of the first tokens above the list of its pieces, none of which occurs twice."""
    folder.mkdir()
    pieces = [piece for script in scripts.values() for piece in script]
    assert len(set(pieces)) == len(pieces), "a piece occurs twice: what follows it would be unknown"
    added = [(END, True), *((first, True) for first in (ANSWER, CALL, AFTER_TOOL)), *((piece, False) for piece in pieces)]
    document = tokenizers.document([], added=added)
    tokenizers.write(folder / "tokenizer.json", document)
    ids = {token["content"]: token["id"] for token in document["added_tokens"]}
    follows = {a: b for first, script in scripts.items()
               for a, b in zip([first, *script], [*script, END])}
    vocabulary = 256 + len(added)
    hidden = 2 * (len(added) // 2 + 1)  # direction 0 is that of bytes; heads have an even size

    def rows(pairs):
        table = bytearray(4 * vocabulary * hidden)
        for token, direction in pairs:
            struct.pack_into("<f", table, 4 * (token * hidden + direction), 1.0)
        return bytes(table)

    directions = {content: 1 + i for i, (content, _) in enumerate(added)}
    zeros = lambda *shape: bytes(4 * shape[0] * shape[1])
    layer = "model.layers.0."
    tensors = {
        "model.embed_tokens.weight": ([vocabulary, hidden], rows(
            [(byte, 0) for byte in range(256)] + [(ids[content], at) for content, at in directions.items()])),
        "lm_head.weight": ([vocabulary, hidden], rows(
            [(ids[follows[a]], directions[a]) for a in follows] + [(ids[END], 0)])),
        "model.norm.weight": ([hidden], struct.pack("<f", 1.0) * hidden),
        layer + "input_layernorm.weight": ([hidden], struct.pack("<f", 1.0) * hidden),
        layer + "post_attention_layernorm.weight": ([hidden], struct.pack("<f", 1.0) * hidden),
        **{f"{layer}self_attn.{name}_proj.weight": ([hidden, hidden], zeros(hidden, hidden)) for name in "qkvo"},
        **{f"{layer}mlp.{name}_proj.weight": ([hidden, hidden], zeros(hidden, hidden)) for name in ("gate", "up", "down")},
    }
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "vocab_size": vocabulary, "hidden_size": hidden,
        "intermediate_size": hidden, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
        "max_position_embeddings": 1024, "eos_token_id": ids[END]}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE, "eos_token": END}))
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0}))
    return folder
