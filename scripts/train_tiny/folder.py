"""Writes a trained model as a folder in the Hugging Face layout, and reads it back."""

import json

from train_tiny import bpe, safetensors_file
from train_tiny.model import MAX_POSITIONS, TinyLlama, config

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def save(directory, model, tokenizer):
    directory.mkdir(parents=True, exist_ok=True)
    ids = tokenizer.ids
    flags = dict(lstrip=False, normalized=False, rstrip=False, single_word=False, special=True)
    write_json(directory / "config.json", config(ids))
    # Both ends count: an answer ends with <|im_end|>, the document with <|endoftext|>.
    write_json(directory / "generation_config.json", {
        "bos_token_id": ids[bpe.END_OF_TEXT],
        "eos_token_id": [ids[bpe.IM_END], ids[bpe.END_OF_TEXT]],
        "pad_token_id": ids[bpe.END_OF_TEXT],
        "do_sample": False,
        "temperature": 0.0,
    })
    write_json(directory / "tokenizer.json", tokenizer.hugging_face_json())
    write_json(directory / "tokenizer_config.json", {
        "add_bos_token": False,
        "add_prefix_space": False,
        "added_tokens_decoder": {str(ids[token]): {"content": token, **flags} for token in bpe.SPECIAL_TOKENS},
        "bos_token": bpe.END_OF_TEXT,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": bpe.IM_END,
        "model_max_length": MAX_POSITIONS,
        "pad_token": bpe.END_OF_TEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": None,
    })
    safetensors_file.write_bf16(directory / "model.safetensors", model.state_dict())


def load(directory):
    model = TinyLlama()
    model.load_state_dict(safetensors_file.read_bf16(directory / "model.safetensors"))
    return model
