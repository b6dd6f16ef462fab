#!/usr/bin/python3
"""The bundled worker beside what vLLM's own tests ask of a server: completions, chats, tokens, metrics, faults."""

import base64
import concurrent.futures
import http.client
import json
import math
import signal
import struct

from harness import process, prometheus, worker
from harness.suite import main, test

JSON = {"Content-Type": "application/json"}
QUESTION = [{"role": "user", "content": "What is Sluice?"}]


class Asked:
    """A worker and its answers."""

    def __init__(self, t, *options):
        self.worker = worker.start(t, *options)

    def post(self, path, body, headers=None, raw=False):
        connection = http.client.HTTPConnection(self.worker.host, self.worker.port, timeout=process.PATIENCE)
        try:
            connection.request("POST", path, body if raw else json.dumps(body), {**JSON, **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode()
            return response.status, text
        finally:
            connection.close()

    def answer(self, path, **body):
        status, text = self.post(path, body)
        assert status == 200, (status, text)
        return json.loads(text)

    def completion(self, **body):
        return self.answer("/v1/completions", **{"prompt": "Sluice is", "max_tokens": 5, **body})

    def chat(self, **body):
        return self.answer("/v1/chat/completions", **{"messages": QUESTION, "max_tokens": 5, **body})

    def frames(self, path, **body):
        status, text = self.post(path, {**body, "stream": True})
        assert status == 200, (status, text)
        lines = text.split("\n\n")
        assert lines[-2:] == ["data: [DONE]", ""], lines[-3:]
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]

    def refused(self, path, says="", status=400, **body):
        got, text = self.post(path, body)
        assert got == status, (got, text)
        error = json.loads(text)["error"]
        assert error["code"] == status and error["message"] and error["type"], text
        assert says in text, text

    def metrics(self):
        return prometheus.Metrics(self.worker.get("/metrics")[1])


def text_of(frames, index=0):
    return "".join(c.get("text", c.get("delta", {}).get("content")) or ""
                   for f in frames for c in f["choices"] if c["index"] == index)


@test("one prompt of text or ids: one choice, its length and exact usage")
def _(t):
    asked = Asked(t)
    ids = asked.answer("/tokenize", prompt="Sluice is")["tokens"]
    for prompt in ("Sluice is", ids):
        found = asked.completion(prompt=prompt)
        assert len(found["choices"]) == 1
        assert found["choices"][0]["finish_reason"] == "length"
        assert found["choices"][0]["prompt_logprobs"] is None
        assert found["usage"] == {"prompt_tokens": len(ids), "total_tokens": len(ids) + 5, "completion_tokens": 5,
                                  "prompt_tokens_details": None, "completion_tokens_details": None}


@test("logprobs of completions: none, the token's own, five more, and never above the cap")
def _(t):
    asked = Asked(t)
    assert asked.completion()["choices"][0]["logprobs"] is None
    for k in (0, 5):
        logprobs = asked.completion(logprobs=k)["choices"][0]["logprobs"]
        assert len(logprobs["tokens"]) == len(logprobs["token_logprobs"]) == len(logprobs["text_offset"]) == 5
        assert all(max(k, 1) <= len(top) <= k + 1 for top in logprobs["top_logprobs"]), logprobs
        assert all(value <= 0 for value in logprobs["token_logprobs"])
    asked.refused("/v1/completions", prompt="a", logprobs=21)
    asked.refused("/v1/completions", prompt="a", logprobs=-2)
    asked.refused("/v1/completions", prompt="a", logprobs="some")
    asked.completion()


@test("prompt logprobs fill every prompt's choice, and those of an echo come in front of the answer's")
def _(t):
    asked = Asked(t)
    for k in (0, 1):
        choices = asked.completion(prompt=["Sluice is", "A gateway"], prompt_logprobs=k)["choices"]
        assert all(c["prompt_logprobs"][0] is None and len(c["prompt_logprobs"]) > 1 for c in choices)
        assert all(max(k, 1) <= len(entry) <= k + 1 for c in choices for entry in c["prompt_logprobs"][1:])
    asked.refused("/v1/completions", prompt="a", prompt_logprobs=-1)
    for k in (0, 1):
        found = asked.completion(prompt="Sluice is", echo=True, logprobs=k)["choices"][0]
        assert found["text"].startswith("Sluice is")
        assert found["logprobs"]["token_logprobs"][0] is None and found["logprobs"]["top_logprobs"][0] is None
        assert "".join(found["logprobs"]["tokens"]) == found["text"]


@test("what logprobs say of a prompt is what they say when the same text is the answer")
def _(t):
    asked = Asked(t)
    first = asked.completion(prompt="Sluice is", max_tokens=20, logprobs=0, return_token_ids=True)["choices"][0]
    ids = asked.answer("/tokenize", prompt="Sluice is")["tokens"]
    again = asked.completion(prompt=ids + first["token_ids"], max_tokens=1, prompt_logprobs=0)["choices"][0]
    known = [list(entry.values())[0]["logprob"] for entry in again["prompt_logprobs"][len(ids):]]
    assert all(math.isclose(a, b, abs_tol=1e-4) for a, b in zip(known, first["logprobs"]["token_logprobs"]))


@test("a stream's text is the whole answer's, with one finish reason, in the last frame")
def _(t):
    asked = Asked(t)
    whole = asked.completion(max_tokens=20)["choices"][0]
    frames = asked.frames("/v1/completions", prompt="Sluice is", max_tokens=20)
    assert text_of(frames) == whole["text"]
    assert [f["choices"][0]["finish_reason"] for f in frames[:-1]] == [None] * (len(frames) - 1)
    assert frames[-1]["choices"][0]["finish_reason"] == "length"
    chat = asked.chat(max_tokens=50)["choices"][0]
    frames = asked.frames("/v1/chat/completions", messages=QUESTION, max_tokens=50)
    assert text_of(frames) == chat["message"]["content"]
    assert frames[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert sum("role" in f["choices"][0]["delta"] for f in frames) == 1


@test("three answers to a prompt differ, a seed repeats them, and a stream tags their frames")
def _(t):
    asked = Asked(t)
    body = {"prompt": "The", "n": 3, "seed": 42, "temperature": 2, "max_tokens": 30}
    first, second = (asked.completion(**body)["choices"] for _ in range(2))
    assert [c["index"] for c in first] == [0, 1, 2]
    assert len({c["text"] for c in first}) == 3
    assert [c["text"] for c in first] == [c["text"] for c in second]
    frames = asked.frames("/v1/completions", **body)
    assert [text_of(frames, i) for i in range(3)] == [c["text"] for c in first]
    assert sum(f["choices"][0]["finish_reason"] is not None for f in frames) == 3
    alone = [asked.completion(**{**body, "n": 1, "seed": 42 + i})["choices"][0]["text"] for i in range(3)]
    assert alone == [c["text"] for c in first], "answer i draws with seed + i"
    asked.refused("/v1/completions", prompt="a", n=2, temperature=0)
    asked.refused("/v1/completions", prompt="a", n=16385, temperature=1)


@test("the usage of streams is what their options say")
def _(t):
    asked = Asked(t)
    for path, body in (("/v1/completions", {"prompt": "Sluice is"}), ("/v1/chat/completions", {"messages": QUESTION})):
        body = {**body, "max_tokens": 10, "min_tokens": 10}
        for options in (None, {}, {"include_usage": False}, {"continuous_usage_stats": True}):
            assert not any(f.get("usage") for f in asked.frames(path, **body, stream_options=options))
        frames = asked.frames(path, **body, stream_options={"include_usage": True})
        assert not any(f.get("usage") for f in frames[:-1])
        assert frames[-1]["choices"] == [] and frames[-1]["usage"]["completion_tokens"] == 10
        frames = asked.frames(path, **body, stream_options={"include_usage": True, "continuous_usage_stats": True})
        counts = [f["usage"]["completion_tokens"] for f in frames]
        assert counts == sorted(counts) and counts[-1] == 10
        asked.refused(path, **body, stream_options={"include_usage": True})


@test("lists of prompts are answered in their order, up to the limit")
def _(t):
    asked = Asked(t)
    choices = asked.completion(prompt=["Sluice is", "Sluice is", "A"])["choices"]
    assert choices[0]["text"] == choices[1]["text"] and [c["index"] for c in choices] == [0, 1, 2]
    frames = asked.frames("/v1/completions", prompt=["Sluice is", "Sluice is"], max_tokens=5)
    assert text_of(frames, 0) == text_of(frames, 1) == choices[0]["text"]
    assert len(asked.completion(prompt=["a"] * 1024, max_tokens=1)["choices"]) == 1024
    asked.refused("/v1/completions", prompt=["a"] * 1025, max_tokens=1)
    for prompt in ([], [-1], [[-1]], [[]], [1 << 40], None, {}):
        asked.refused("/v1/completions", prompt=prompt)


@test("logprobs of chats: none, no alternatives, exactly five, and an error above the cap")
def _(t):
    asked = Asked(t)
    assert asked.chat()["choices"][0]["logprobs"] is None
    for k in (0, 5):
        content = asked.chat(logprobs=True, top_logprobs=k)["choices"][0]["logprobs"]["content"]
        assert len(content) == 5 and all(len(entry["top_logprobs"]) == k for entry in content)
        assert all(bytes(entry["bytes"]).decode() == entry["token"] for entry in content)
    for k in (21, 30):
        asked.refused("/v1/chat/completions", messages=QUESTION, logprobs=True, top_logprobs=k)
    asked.refused("/v1/chat/completions", messages=QUESTION, top_logprobs=1)
    found = asked.chat(prompt_logprobs=1)["prompt_logprobs"]
    assert found[0] is None and all(1 <= len(entry) <= 2 for entry in found[1:])
    assert asked.chat()["prompt_logprobs"] is None
    frames = asked.frames("/v1/chat/completions", messages=QUESTION, max_tokens=30, logprobs=True, top_logprobs=1,
                          stream_options={"include_usage": True})
    told = sum(len(c["logprobs"]["content"]) for f in frames for c in f["choices"] if c["logprobs"])
    assert told == frames[-1]["usage"]["completion_tokens"]


@test("messages may have parts, further members and roles of any name")
def _(t):
    asked = Asked(t)
    plain = asked.chat(max_tokens=40)["choices"][0]["message"]["content"]
    parts = [{"role": "user", "content": [{"type": "text", "text": "What is Sluice?"}], "extra_field": "0"}]
    assert asked.chat(messages=parts, max_tokens=40)["choices"][0]["message"]["content"] == plain
    odd = [{"role": "my-custom-role", "content": "what is 1+1?"}]
    first, second = (asked.chat(messages=odd)["choices"][0]["message"]["content"] for _ in range(2))
    assert first == second
    reply = {"role": "assistant", "content": plain}
    asked.chat(messages=QUESTION + [reply] + QUESTION)


@test("an echo and a continued message begin with what was said")
def _(t):
    asked = Asked(t)
    answer = asked.chat(max_tokens=60, logprobs=True)["choices"][0]
    plain = answer["message"]["content"]
    cut = len("".join(entry["token"] for entry in answer["logprobs"]["content"][:6]))
    begun = QUESTION + [{"role": "assistant", "content": plain[:cut]}]
    body = {"messages": begun, "max_tokens": 60, "add_generation_prompt": False, "continue_final_message": True}
    assert asked.chat(**body)["choices"][0]["message"]["content"] == plain[cut:]
    assert asked.chat(**body, echo=True)["choices"][0]["message"]["content"] == plain
    asked.refused("/v1/chat/completions", **{**body, "add_generation_prompt": True})


@test("what is no number, no id and no object is refused, never an internal error")
def _(t):
    asked = Asked(t)
    for path, good in (("/v1/completions", {"prompt": "a"}), ("/v1/chat/completions", {"messages": QUESTION}),
                       ("/tokenize", {"prompt": "a"}), ("/detokenize", {"tokens": [1]})):
        for body in ('"text"', "[1]", "7", "null", "", "{", "{]"):
            status, text = asked.post(path, body, raw=True)
            assert 400 <= status < 500, (path, body, status, text)
        status, _ = asked.post(path, good, {"Content-Type": "text/plain"})
        assert status == 400
    asked.refused("/v1/completions", "greater_than_equal", prompt="a", seed=-(1 << 63) - 1)
    asked.refused("/v1/completions", "less_than_equal", prompt="a", seed=1 << 63)
    for seed in ((1 << 63) - 1, -(1 << 63)):
        asked.completion(seed=seed, temperature=1)
    asked.completion(logit_bias={"5": 1})
    asked.refused("/v1/completions", "99999", prompt="a", logit_bias={"99999": 1})
    asked.refused("/v1/completions", "logit_bias", prompt="a", logit_bias={"x": 1})
    asked.refused("/v1/completions", prompt="a", cache_salt="")
    asked.completion(cache_salt="tenant")
    asked.refused("/v1/chat/completions", messages=QUESTION, tools=[])
    asked.refused("/v1/chat/completions", messages=QUESTION, tool_choice="auto")
    asked.refused("/v1/chat/completions", messages=QUESTION, tool_choice="auto",
                  tools=[{"type": "function", "function": {"name": "f"}}])


@test("requests at the ends of what numbers can say, and beyond what one may cost, harm nobody")
def _(t):
    asked = Asked(t)
    hostile = [{"top_p": 1e-300}, {"top_p": 1e-38}, {"repetition_penalty": 1e-300}, {"repetition_penalty": 1e-39},
               {"repetition_penalty": 3e38}, {"repetition_penalty": 1e300}, {"logit_bias": {"5": "nan"}},
               {"logit_bias": {"5": "inf"}}, {"temperature": "nan"}, {"temperature": 1e-45, "min_p": 1},
               {"repetition_penalty": 1e37, "allowed_token_ids": [5]}, {"top_k": 1 << 62}, {"min_p": 1e-300},
               {"prompt": ["a"] * 1024, "n": 16384}, {"n": 5000}, {"logprobs": 20, "n": 1000, "max_tokens": 1000},
               {"stop_token_ids": list(range(-5, 100_000))}, {"allowed_token_ids": [5] * 100_000},
               {"bad_words": ["word"] * 100_000}, {"bad_words": ["a" * 1_000_000]}, {"cache_salt": "s" * 100_000},
               {"stop": ["a" * 1_000_000] * 4, "n": 4}, {"max_tokens": 1 << 62}, {"priority": -(1 << 63)}]
    for extra in hostile:
        body = {"prompt": "Sluice is", "max_tokens": 8, "temperature": 1, **extra}
        status, text = asked.post("/v1/completions", body)
        assert status in (200, 400, 503), (extra, status, text[:300])
        json.loads(text)
    assert asked.worker.program.status() is None
    assert asked.completion()["choices"][0]["finish_reason"] == "length"


@test("bias, allowed ids, bad words and stop ids decide what is answered")
def _(t):
    asked = Asked(t)
    plain = asked.completion(max_tokens=8, return_token_ids=True)["choices"][0]
    only = plain["token_ids"][3]
    assert set(asked.completion(max_tokens=8, return_token_ids=True, allowed_token_ids=[only])["choices"][0]["token_ids"]) == {only}
    biased = asked.completion(max_tokens=1, return_token_ids=True, logit_bias={str(only): 100})["choices"][0]
    assert biased["token_ids"] == [only]
    stopped = asked.completion(max_tokens=8, return_token_ids=True, stop_token_ids=[only])["choices"][0]
    assert stopped["finish_reason"] == "stop" and stopped["stop_reason"] == only
    assert stopped["token_ids"] == plain["token_ids"][:plain["token_ids"].index(only) + 1]
    word = plain["text"].split()[0]
    assert word not in asked.completion(max_tokens=8, bad_words=[word])["choices"][0]["text"].split()
    repeated = asked.completion(prompt="a a a a", max_tokens=20, repetition_penalty=2.0, return_token_ids=True)
    assert len(set(repeated["choices"][0]["token_ids"])) > 10


@test("max_tokens is the smallest of what the request, the context and the server say")
def _(t):
    asked = Asked(t, "--max-model-len", "40")
    count = asked.answer("/tokenize", messages=QUESTION)["count"]
    found = asked.chat(max_tokens=None, ignore_eos=True)
    assert found["usage"]["total_tokens"] == 40 and found["choices"][0]["finish_reason"] == "length"
    assert asked.chat(max_tokens=3)["usage"]["completion_tokens"] == 3
    assert asked.chat(max_tokens=9, max_completion_tokens=2)["usage"]["completion_tokens"] == 2
    asked.refused("/v1/chat/completions", "maximum context length is 40", messages=QUESTION, max_tokens=41 - count)
    asked.refused("/v1/chat/completions", messages=QUESTION, max_tokens=1000)
    long = "word " * 200
    asked.refused("/v1/completions", prompt=long, max_tokens=5)
    found = asked.completion(prompt=long, max_tokens=5, truncate_prompt_tokens=30)
    assert found["usage"]["prompt_tokens"] == 30
    assert asked.completion(prompt=long, max_tokens=5, truncate_prompt_tokens=-1)["usage"]["prompt_tokens"] == 35


@test("token ids come whole, in the first frame of a prompt's, and by name in logprobs")
def _(t):
    asked = Asked(t)
    assert asked.completion()["choices"][0]["token_ids"] is None
    prompt = "Smile \U0001F600 now"
    ids = asked.answer("/tokenize", prompt=prompt)["tokens"]
    found = asked.completion(prompt=prompt, return_token_ids=True, prompt_logprobs=0)["choices"][0]
    assert found["prompt_token_ids"] == ids and len(found["token_ids"]) == 5
    assert [int(next(iter(e))) for e in found["prompt_logprobs"][1:]] == ids[1:]
    frames = asked.frames("/v1/completions", prompt=prompt, max_tokens=5, return_token_ids=True)
    assert frames[0]["choices"][0]["prompt_token_ids"] == ids
    assert all(f["choices"][0]["prompt_token_ids"] is None for f in frames[1:])
    assert [i for f in frames for i in f["choices"][0]["token_ids"]] == found["token_ids"]
    named = asked.completion(prompt=prompt, echo=True, logprobs=0, return_tokens_as_token_ids=True)["choices"][0]
    assert named["logprobs"]["tokens"][:len(ids)] == [f"token_id:{i}" for i in ids]
    assert asked.answer("/detokenize", tokens=ids)["prompt"] == prompt


@test("ten requests of ten tokens leave exact counts in every metric that vLLM has")
def _(t):
    asked = Asked(t)
    for i in range(10):
        asked.completion(prompt=f"{i} is", max_tokens=10, ignore_eos=True)
    metrics = asked.metrics()
    for name, count in (("time_to_first_token_seconds", 10), ("inter_token_latency_seconds", 90),
                        ("e2e_request_latency_seconds", 10), ("request_queue_time_seconds", 10),
                        ("request_prefill_time_seconds", 10), ("request_decode_time_seconds", 10),
                        ("request_inference_time_seconds", 10), ("request_params_n", 10),
                        ("request_time_per_output_token_seconds", 10), ("iteration_tokens_total", 100)):
        assert metrics.sum(f"vllm:{name}_count") == count, name
    assert metrics.sum("vllm:generation_tokens_total") == metrics.sum("vllm:request_generation_tokens_sum") == 100
    prompts = metrics.sum("vllm:prompt_tokens_total")
    assert metrics.sum("vllm:request_prompt_tokens_sum") == prompts > 0
    assert metrics.sum("vllm:iteration_tokens_total_sum") == prompts + 100
    assert metrics.sum("vllm:request_success_total") == 10
    text = asked.worker.get("/metrics")[1]
    for name in ("num_requests_running", "num_requests_waiting", "num_requests_waiting_by_reason", "kv_cache_usage_perc",
                 "gpu_cache_usage_perc", "engine_sleep_state", "cache_config_info", "prefix_cache_queries_total",
                 "prefix_cache_hits_total", "num_preemptions_total", "prompt_tokens_by_source_total",
                 "prompt_tokens_cached_total", "request_max_num_generation_tokens_bucket",
                 "request_params_max_tokens_bucket", "request_prefill_kv_computed_tokens_bucket"):
        assert f"\nvllm:{name}{{" in text, name
    assert '\nhttp_requests_total{handler="/v1/completions",method="POST",status="2xx"} 10' in text
    assert '\nhttp_request_duration_seconds_count{handler="/v1/completions",method="POST"} 10' in text
    assert '\nhttp_request_duration_highr_seconds_bucket{le="60"} ' in text


@test("a second request with the same beginning is found in the cache, another tenant's is not")
def _(t):
    asked = Asked(t, "--enable-prompt-tokens-details")
    prompt = "Sluice is a gateway that every team running model servers will want. " * 4

    def cached(**body):
        return asked.completion(prompt=prompt, **body)["usage"]["prompt_tokens_details"]["cached_tokens"]

    assert cached() == 0
    size = len(asked.answer("/tokenize", prompt=prompt)["tokens"])
    assert cached() == (size - 1) // 16 * 16 > 0
    assert cached(cache_salt="other") == 0
    assert cached(cache_salt="other") > 0
    assert asked.metrics().sum("vllm:prefix_cache_hits_total") == 2 * ((size - 1) // 16 * 16)


@test("sixteen answers in a cache for two are the same as with room for all, and preemptions are counted")
def _(t):
    def answers(asked):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda i: asked.completion(prompt=f"Question {i}: what is a token? ", max_tokens=100,
                                                            ignore_eos=True)["choices"][0]["text"], range(16)))

    roomy = answers(Asked(t))
    scarce = Asked(t, "--num-gpu-blocks-override", "16")
    assert answers(scarce) == roomy
    metrics = scarce.metrics()
    assert metrics.sum("vllm:num_preemptions_total") > 0
    assert metrics.sum("vllm:kv_cache_usage_perc") == 0


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


@test("the tokenizer is told on request, with the template in use")
def _(t):
    info = json.loads(Asked(t, "--enable-tokenizer-info-endpoint").worker.get("/tokenizer_info")[1])
    config = json.loads((worker.MODEL / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert info["tokenizer_class"] == config["tokenizer_class"] and info["chat_template"] == config["chat_template"]
    assert Asked(t).worker.get("/tokenizer_info")[0] == 404


@test("a worker told to end finishes what is under way, takes nothing new, and without patience aborts at once")
def _(t):
    asked = Asked(t, "--step-interval-ms", "10", "--shutdown-timeout", "60")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        whole = pool.submit(asked.completion, max_tokens=100, ignore_eos=True)
        process.wait_until(lambda: asked.worker.running() == 1, "the answer is under way")
        idle = http.client.HTTPConnection(asked.worker.host, asked.worker.port, timeout=process.PATIENCE)
        idle.request("GET", "/health")
        idle.getresponse().read()
        asked.worker.program.signal(signal.SIGTERM)
        process.wait_until(lambda: refuses(asked), "no connection is taken any more")
        try:  # one that was there before is not served either
            idle.request("POST", "/v1/completions", json.dumps({"prompt": "a"}), JSON)
            assert idle.getresponse().status == 503
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            pass
        assert whole.result()["usage"]["completion_tokens"] == 100
        assert asked.worker.program.wait() == 0
    hasty = Asked(t, "--step-interval-ms", "50")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        cut = pool.submit(hasty.completion, max_tokens=1000, ignore_eos=True)
        process.wait_until(lambda: hasty.worker.running() == 1, "the answer is under way")
        hasty.worker.program.signal(signal.SIGTERM)
        found = cut.result()
        assert found["choices"][0]["finish_reason"] == "abort" and found["usage"]["completion_tokens"] < 1000
        assert hasty.worker.program.wait() == 0


def refuses(asked):
    try:
        asked.worker.get("/health")
        return False
    except OSError:
        return True


@test("a thousand clients that leave leave nothing behind, and the next one is served")
def _(t):
    asked = Asked(t, "--fault", "slow:20")

    words = " word" * 100
    longest = asked.answer("/tokenize", prompt=words * 6)["count"]
    assert 1000 < longest < 2048 - 410, longest

    def leave(i):
        connection = http.client.HTTPConnection(asked.worker.host, asked.worker.port, timeout=process.PATIENCE)
        body = {"prompt": f"{i}" + words * (i % 7), "max_tokens": 400, "ignore_eos": True, "stream": i % 2 == 0}
        connection.request("POST", "/v1/completions", json.dumps(body), JSON)
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(leave, range(1000)))
    def idle():
        metrics = asked.metrics()
        return all(metrics.sum(f"vllm:{name}") == 0
                   for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"))
    process.wait_until(idle, "the engine is idle")
    assert asked.completion()["choices"][0]["finish_reason"] == "length"
    assert asked.worker.get("/load")[1] == '{"server_load":0}'


@test("by priority the lowest number is answered first")
def _(t):
    asked = Asked(t, "--scheduling-policy", "priority", "--max-num-seqs", "1", "--fault", "slow:5")
    order = []

    def ask(priority):
        asked.completion(prompt="x", max_tokens=20, ignore_eos=True, priority=priority)
        order.append(priority)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(ask, 100)
        process.wait_until(lambda: asked.worker.running() == 1, "the first runs")
        rest = []
        for count, priority in enumerate((5, -3, 9, 0), start=1):
            rest.append(pool.submit(ask, priority))
            process.wait_until(lambda n=count: asked.metrics().sum("vllm:num_requests_waiting") == n, "it waits")
        concurrent.futures.wait([first, *rest])
    assert order == [100, -3, 0, 5, 9], order


@test("a key, an id header, defaults of the checkpoint and a full queue are as the flags say")
def _(t):
    asked = Asked(t, "--api-key", "secret", "--enable-request-id-headers", "--max-num-queued-reqs", "1")
    assert asked.post("/v1/completions", {"prompt": "a"})[0] == 401
    assert asked.post("/tokenize", {"prompt": "a"})[0] == 200
    key = {"Authorization": "Bearer secret"}
    assert asked.post("/v1/completions", {"prompt": "a"}, key)[0] == 200
    assert asked.post("/v1/completions", {"prompt": ["a", "b"]}, key)[0] == 503, "two do not fit"
    connection = http.client.HTTPConnection(asked.worker.host, asked.worker.port, timeout=process.PATIENCE)
    for given, expected in (({}, 32), ({"X-Request-Id": "mine"}, "mine")):
        connection.request("GET", "/v1/models", headers={**key, **given})
        response = connection.getresponse()
        listed = json.loads(response.read())
        found = response.getheader("x-request-id")
        assert found == expected or len(found) == expected
        assert listed["data"][0]["id"] == "tiny" and listed["data"][0]["max_model_len"] > 0
    connection.close()
    sampled = Asked(t, "--generation-config", "vllm")
    texts = {sampled.completion(prompt="The", max_tokens=30)["choices"][0]["text"] for _ in range(5)}
    assert len(texts) > 1, "without the checkpoint's temperature answers are sampled"


@test("a frozen engine says nothing while its health is green, and can still be ended")
def _(t):
    asked = Asked(t, "--fault", "freeze:3")
    connection = http.client.HTTPConnection(asked.worker.host, asked.worker.port, timeout=process.PATIENCE)
    connection.request("POST", "/v1/completions",
                       json.dumps({"prompt": "a", "max_tokens": 50, "ignore_eos": True, "stream": True}), JSON)
    response = connection.getresponse()
    assert response.readline().startswith(b"data: ")  # it may hold several tokens
    process.wait_until(lambda: asked.metrics().sum("vllm:generation_tokens_total") == 3, "it has frozen")
    assert asked.worker.get("/health")[0] == 200
    assert asked.worker.running() == 1
    connection.close()


@test("an engine that fails answers 500, is unhealthy and ends the process")
def _(t):
    asked = Asked(t, "--fault", "fail:3")
    status, text = asked.post("/v1/completions", {"prompt": "a", "max_tokens": 50, "ignore_eos": True})
    assert status == 500 and "InternalServerError" in text
    assert asked.worker.get("/health")[0] == 503
    assert asked.worker.program.wait() == 1


@test("a worker that dies cuts its answer, and faults of the API are what they are called")
def _(t):
    dying = Asked(t, "--fault", "die:3")
    try:
        dying.post("/v1/completions", {"prompt": "a", "max_tokens": 50, "ignore_eos": True, "stream": True})
        raise AssertionError("the answer was whole")
    except (http.client.IncompleteRead, ConnectionResetError):
        pass
    assert dying.worker.program.wait() == 137
    assert Asked(t, "--fault", "refuse").post("/v1/completions", {"prompt": "a"})[0] == 503
    assert Asked(t, "--fault", "429").post("/v1/completions", {"prompt": "a"})[0] == 429
    odd = Asked(t, "--fault", "wrong-usage", "--fault", "error-in-stream:4")
    assert odd.completion(max_tokens=2)["usage"]["completion_tokens"] == 1002
    _, text = odd.post("/v1/completions", {"prompt": "a", "max_tokens": 50, "ignore_eos": True, "stream": True})
    assert text.endswith("data: [DONE]\n\n") and "InternalServerError" in text
    odd.completion(max_tokens=2)


main()
