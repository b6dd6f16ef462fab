#!/usr/bin/python3
"""The bundled worker's embeddings beside an independent forward pass, and beside what vLLM's own tests ask of them."""

import base64
import concurrent.futures
import json
import math
import struct

from harness import process, worker
from harness.asked import QUESTION, Asked
from harness.suite import main, test


def reference_states(t, ids):
    """The hidden states of each position, by an independent forward pass in float64."""
    program = t.program("/usr/bin/python3", process.SOURCE / "tests/backends/worker/reference/numpy_forward.py", worker.MODEL,
                        "--ids", json.dumps(ids), "--states")
    assert program.wait() == 0, program.describe()
    return json.loads(program.stdout)


def normalised(numbers):
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def assert_near(found, wanted, tolerance=1e-5):
    assert len(found) == len(wanted)
    assert all(abs(a - b) <= tolerance for a, b in zip(found, wanted)), (found, wanted)


@test("embeddings are the last hidden state or the mean of all, as an independent forward pass has them")
def _(t):
    text = "Sluice is a gateway for model servers."
    for options, pool in (((), lambda states: states[-1]),
                          (("--pooler-config", '{"pooling_type": "MEAN"}'),
                           lambda states: [sum(column) / len(states) for column in zip(*states)])):
        asked = Asked(t, *options)
        ids = asked.answer("/tokenize", prompt=text)["tokens"]
        wanted = pool(reference_states(t, ids))
        found = asked.answer("/v1/embeddings", input=text)
        assert_near(found["data"][0]["embedding"], normalised(wanted))
        assert found["usage"] == {"prompt_tokens": len(ids), "total_tokens": len(ids), "completion_tokens": 0,
                                  "prompt_tokens_details": None, "completion_tokens_details": None}
        raw = asked.answer("/v1/embeddings", input=ids, use_activation=False)["data"][0]["embedding"]
        assert_near(raw, wanted, 1e-4 * max(map(abs, wanted)))


@test("embeddings of texts, ids, batches and conversations, as numbers and as their bytes")
def _(t):
    asked = Asked(t)
    embed = lambda **body: [entry["embedding"] for entry in asked.answer("/v1/embeddings", **body)["data"]]
    texts = ["Sluice is", "a gateway", "Sluice is", "The quick brown fox"]
    ids = [asked.answer("/tokenize", prompt=text)["tokens"] for text in texts]
    batch = embed(input=texts)
    assert batch == embed(input=ids) == [embed(input=text)[0] for text in texts]
    assert batch[0] == batch[2] != batch[1]
    for kind, letter in (("float32", "f"), ("float16", "e")):
        for order, sign in (("little", "<"), ("native", "="), ("big", ">")):
            data = base64.b64decode(embed(input="Sluice is", encoding_format="base64", embed_dtype=kind, endianness=order)[0])
            numbers = struct.unpack(f"{sign}{len(batch[0])}{letter}", data)
            assert_near(numbers, batch[0], 1e-6 if kind == "float32" else 1e-3)
    long = asked.answer("/tokenize", prompt="word " * 3000)["tokens"]
    assert len(long) > 2048
    asked.refused("/v1/embeddings", "maximum context length is 2048 tokens", input=long)
    assert embed(input=long, truncate_prompt_tokens=7) == embed(input=long[-7:])
    assert embed(input=long, truncate_prompt_tokens=-1) == embed(input=long[-2048:])
    asked.refused("/v1/embeddings", input=long, truncate_prompt_tokens=2049)
    rendered = asked.answer("/tokenize", messages=QUESTION, add_generation_prompt=False)["tokens"]
    assert embed(messages=QUESTION) == embed(input=rendered)
    asked.refused("/v1/embeddings", "literal_error", input="a", encoding_format="hex")
    asked.refused("/v1/embeddings", "matryoshka", input="a", dimensions=16)
    asked.refused("/v1/embeddings", input="a", normalize=True)
    assert asked.post("/v1/embeddings", "[1, 2]", raw=True)[0] == 400
    metrics = asked.metrics()
    assert metrics.sum("vllm:num_requests_running") == metrics.sum("vllm:kv_cache_usage_perc") == 0
    assert metrics.sum("vllm:generation_tokens_total") == 0


@test("an embedding beside answers, in chunks and after preemptions is what it is alone")
def _(t):
    text = "The quick brown fox jumps over the lazy dog. " * 12
    for pooling in ("LAST", "MEAN"):
        config = ("--pooler-config", json.dumps({"pooling_type": pooling}))
        alone = Asked(t, *config).answer("/v1/embeddings", input=text)["data"][0]["embedding"]
        busy = Asked(t, *config, "--max-num-batched-tokens", "16", "--max-num-seqs", "16", "--num-gpu-blocks-override", "40")
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            answers = [pool.submit(busy.completion, prompt=f"Number {i}", max_tokens=150, ignore_eos=True) for i in range(8)]
            found = [pool.submit(busy.answer, "/v1/embeddings", input=text) for _ in range(8)]
            assert all(asked.result()["data"][0]["embedding"] == alone for asked in found)
            assert all(asked.result()["usage"]["completion_tokens"] == 150 for asked in answers)
        assert busy.metrics().sum("vllm:num_preemptions_total") > 0


main()
