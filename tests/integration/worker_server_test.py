#!/usr/bin/python3
"""The bundled worker as a server, beside what vLLM's own tests ask of one: metrics, cache, tokenizer, flags, ends, faults."""

import concurrent.futures
import http.client
import itertools
import json
import signal
import socket

from harness import process, worker
from harness.asked import JSON, QUESTION, Asked
from harness.suite import main, test


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


@test("text and conversations are tokenized in every way that a request may ask for, and back")
def _(t):
    asked = Asked(t)
    text = "Gr\u00f6\u00dfe \U0001f600 tokens"
    found = asked.answer("/tokenize", prompt=text, return_token_strs=True)
    assert found["count"] == len(found["tokens"]) == len(found["token_strs"]) and found["max_model_len"] == 2048
    assert asked.answer("/detokenize", tokens=found["tokens"])["prompt"] == text
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    continued = [*QUESTION, {"role": "assistant", "content": "Sluice is"}]
    render = lambda messages, **options: asked.answer("/detokenize", tokens=asked.answer(
        "/tokenize", messages=messages, **options)["tokens"])["prompt"]
    for generation, special in itertools.product((True, False), repeat=2):
        rendered = render(QUESTION, add_generation_prompt=generation, add_special_tokens=special)
        assert rendered.endswith("<|im_start|>assistant\n") == generation, rendered
        assert "What is Sluice?" in rendered
    assert render(continued, add_generation_prompt=False, continue_final_message=True).endswith("assistant\nSluice is")
    assert render(continued, add_generation_prompt=False).endswith("<|im_end|>\n")
    asked.refused("/tokenize", messages=continued, continue_final_message=True, add_generation_prompt=True)
    assert asked.answer("/tokenize", messages=QUESTION, tools=tools)["count"] > 0


@test("what is asked over a Unix socket is answered there")
def _(t):
    path = t.folder / "worker.socket"
    program = t.program(process.BIN / "sluice-worker", worker.MODEL, "--uds", str(path))

    def get(what):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(process.PATIENCE)
            connection.connect(str(path))
            connection.sendall(f"GET {what} HTTP/1.1\r\nhost: worker\r\nconnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def healthy():
        assert program.status() is None, program.describe()
        try:
            return get("/health").startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False
    process.wait_until(healthy, "the worker is healthy")
    assert b'{"version":"' in get("/version")
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


@test("an error says what is wrong with the request and nothing of this machine")
def _(t):
    asked = Asked(t)
    for path, body in (("/v1/completions", {"prompt": 7}), ("/v1/completions", {"prompt": "a", "n": "many"}),
                       ("/v1/chat/completions", {"messages": [{"content": "a"}]}), ("/v1/embeddings", {"input": {}}),
                       ("/tokenize", {}), ("/v1/completions", {"prompt": "a", "model": "other"})):
        _, text = asked.post(path, body)
        error = json.loads(text)["error"]
        assert error["param"] or path == "/v1/embeddings", text
        for hidden in (str(worker.MODEL), str(process.SOURCE), ".cc", ".py", "Traceback"):
            assert hidden not in text, text


@test("a worker that is killed breaks the connections of those it was answering")
def _(t):
    asked = Asked(t, "--step-interval-ms", "20")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        cut = pool.submit(asked.completion, max_tokens=1000, ignore_eos=True)
        process.wait_until(lambda: asked.worker.running() == 1, "the answer is under way")
        asked.worker.program.signal(signal.SIGKILL)
        try:
            cut.result()
            raise AssertionError("it was answered")
        except (ConnectionResetError, http.client.RemoteDisconnected, http.client.IncompleteRead):
            pass


main()
