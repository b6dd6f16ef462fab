#!/usr/bin/python3
"""The bundled worker beside what vLLM's own tests ask of answers: completions, chats, logprobs, streams, limits."""

import concurrent.futures
import json
import math

from harness.asked import JSON, QUESTION, Asked, text_of
from harness.suite import main, test


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


@test("a stream behind a long prompt has a logprob for every token that usage counts, and no frame without one")
def _(t):
    asked = Asked(t)
    long = [{"role": "user", "content": "What is Sluice? " * 150}]
    assert asked.answer("/tokenize", messages=long)["count"] > 512, "one step would do"
    frames = asked.frames("/v1/chat/completions", messages=long, max_tokens=40, ignore_eos=True, logprobs=True, top_logprobs=2,
                          stream_options={"include_usage": True})
    told = [f["choices"][0]["logprobs"]["content"] for f in frames[1:-1]]
    assert all(told), told
    assert sum(map(len, told)) == frames[-1]["usage"]["completion_tokens"] == 40


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


main()
