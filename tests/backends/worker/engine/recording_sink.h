#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "backends/worker/engine/request.h"

namespace sluice::worker {

// Keeps all events, and lets a test wait for a request to finish.
class RecordingSink final : public TokenSink {
 public:
  struct Answer {
    std::vector<std::int32_t> tokens;
    std::vector<float> embedding;
    FinishReason finish = FinishReason::kNone;
    int finishing_events = 0;
    int events_after_finish = 0;
  };

  void on_tokens(const TokenEvent& event) noexcept override {
    const std::lock_guard lock(mutex_);
    Answer& answer = answers_[event.id];
    if (answer.finish != FinishReason::kNone) ++answer.events_after_finish;
    answer.tokens.insert(answer.tokens.end(), event.tokens.begin(), event.tokens.end());
    answer.embedding.assign(event.embedding.begin(), event.embedding.end());
    answer.finish = event.finish;
    answer.finishing_events += event.finished();
    changed_.notify_all();
  }

  // Blocks until the request has finished.
  Answer wait(RequestId id) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_[id].finish != FinishReason::kNone; });
    return answers_[id];
  }

  // Blocks until the request has at least `count` tokens.
  void wait_for_tokens(RequestId id, std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_[id].tokens.size() >= count; });
  }

  std::size_t requests_heard_of() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<RequestId, Answer> answers_;
};

}  // namespace sluice::worker
