#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/worker/api/generator.h"
#include "tests/backends/worker/api/byte_model.h"

namespace sluice::worker {

// An engine that computes nothing: it keeps what was submitted and says what the test tells it to, on the
// test's own thread.
class ScriptedGenerator final : public Generator {
 public:
  ScriptedGenerator() {
    options_.max_model_len = 64;
    options_.kv_blocks = 32;
  }

  RequestId new_ids(std::size_t count) override { return std::exchange(next_id_, next_id_ + count); }
  SubmitStatus submit(std::vector<Request> requests) override {
    if (answer_to_submit != SubmitStatus::kAccepted) return answer_to_submit;
    std::ranges::move(requests, std::back_inserter(submitted));
    return SubmitStatus::kAccepted;
  }
  void abort(RequestId id) override { aborted.push_back(id); }
  bool healthy() const override { return is_healthy; }
  EngineStats stats() const override { return engine_stats; }
  const EngineOptions& options() const override { return options_; }

  // News of the request submitted last; each call is one step of the engine, 10 ms after the one before.
  void say(std::vector<std::int32_t> tokens, FinishReason finish = FinishReason::kNone,
           std::int32_t stop_token = -1) {
    say_to(submitted.back(), std::move(tokens), finish, stop_token);
  }
  void say(std::string_view text, FinishReason finish = FinishReason::kNone) {
    say(bytes_as_tokens(text), finish);
  }
  void end(FinishReason reason) { say(std::vector<std::int32_t>(), reason); }
  void embed(const Request& request, std::vector<float> numbers) {
    TokenEvent event;
    event.id = request.id;
    event.finish = FinishReason::kStop;
    event.cached_tokens = cached_tokens;
    event.embedding = numbers;
    request.sink->on_tokens(event);
  }
  void say_to(const Request& request, std::vector<std::int32_t> tokens,
              FinishReason finish = FinishReason::kNone, std::int32_t stop_token = -1) {
    RequestTimes& times = times_[request.id];
    const TimePoint start{};
    times.submitted = start;
    times.scheduled = start + std::chrono::milliseconds(1);
    if (times.first_token == start) times.first_token = start + std::chrono::milliseconds(30);
    times.last_token =
        times.last_token == start ? times.first_token : times.last_token + std::chrono::milliseconds(10);
    TokenEvent event{request.id, tokens, finish, stop_token, times};
    event.cached_tokens = cached_tokens;
    // Every token has the logprobs of the test, with the token itself in front.
    std::vector<TokenLogprobs> of_tokens;
    if (request.sampling->logprobs) {
      for (const std::int32_t token : tokens)
        of_tokens.push_back(logprobs_of(token));
    }
    event.logprobs = of_tokens;
    std::vector<TokenLogprobs> of_prompt;
    if (request.sampling->prompt_logprobs && !std::exchange(began_[request.id], true)) {
      for (std::size_t i = 1; i < request.prompt->size(); ++i)
        of_prompt.push_back(logprobs_of((*request.prompt)[i]));
    }
    event.prompt_logprobs = of_prompt;
    request.sink->on_tokens(event);
  }

  TokenLogprobs logprobs_of(std::int32_t token) const {
    TokenLogprobs logprobs{{token, -0.5F, 2}};
    logprobs.insert(logprobs.end(), most_probable.begin(), most_probable.end());
    return logprobs;
  }

  SubmitStatus answer_to_submit = SubmitStatus::kAccepted;
  bool is_healthy = true;
  EngineStats engine_stats;
  std::int32_t cached_tokens = 0;
  TokenLogprobs most_probable;
  std::vector<Request> submitted;
  std::vector<RequestId> aborted;

 private:
  EngineOptions options_;
  RequestId next_id_ = 1;
  std::map<RequestId, RequestTimes> times_;
  std::map<RequestId, bool> began_;
};

}  // namespace sluice::worker
