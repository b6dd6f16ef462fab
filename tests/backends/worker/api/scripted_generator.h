#pragma once

#include <map>
#include <string_view>
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

  RequestId new_id() override { return next_id_++; }
  SubmitStatus submit(Request request) override {
    if (answer_to_submit != SubmitStatus::kAccepted) return answer_to_submit;
    submitted.push_back(std::move(request));
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
  void say_to(const Request& request, std::vector<std::int32_t> tokens,
              FinishReason finish = FinishReason::kNone, std::int32_t stop_token = -1) {
    RequestTimes& times = times_[request.id];
    const TimePoint start{};
    times.submitted = start;
    times.scheduled = start + std::chrono::milliseconds(1);
    if (times.first_token == start) times.first_token = start + std::chrono::milliseconds(30);
    times.last_token =
        times.last_token == start ? times.first_token : times.last_token + std::chrono::milliseconds(10);
    request.sink->on_tokens({request.id, tokens, finish, stop_token, times});
  }

  SubmitStatus answer_to_submit = SubmitStatus::kAccepted;
  bool is_healthy = true;
  EngineStats engine_stats;
  std::vector<Request> submitted;
  std::vector<RequestId> aborted;

 private:
  EngineOptions options_;
  RequestId next_id_ = 1;
  std::map<RequestId, RequestTimes> times_;
};

}  // namespace sluice::worker
