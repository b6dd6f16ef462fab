#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/worker/engine/request.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task.h"

namespace sluice::worker {

class TokenChannel;

// Hands tokens from the engine's thread to the loop that serves clients: one post to the loop for all that
// one step of the engine has news for, never a wait on either side.
//
// A channel holds at most the tokens of its answers (max_tokens each, 12 bytes and their logprobs for each
// token) or their embeddings: a client that reads slowly makes its own channel fill, the engine goes on and
// nobody else waits.
class TokenMailbox {
 public:
  // The loop must outlive the last channel.
  explicit TokenMailbox(Loop& loop) : state_(std::make_shared<State>(loop)) {}

  // The way of the tokens of requests `first`, first + 1, … Threads: the loop's only.
  std::shared_ptr<TokenChannel> open(RequestId first, std::size_t count);

 private:
  friend class TokenChannel;

  // Owned by the mailbox, its channels and the posts under way.
  struct State {
    explicit State(Loop& l) : loop(l) {}
    Loop& loop;
    std::mutex mutex;  // guards what follows, and what each channel says it guards
    std::vector<std::weak_ptr<TokenChannel>> changed;  // weak: a channel owns the state
    bool posted = false;
  };

  static void deliver(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

// What the engine said of a request since the last look.
struct TokenBatch {
  std::size_t index = 0;  // of the request in its channel
  std::vector<std::int32_t> tokens;
  std::vector<TimePoint> computed_at;   // of each token, on the engine's clock
  std::vector<TokenLogprobs> logprobs;  // of each token, if they were asked for
  std::vector<TokenLogprobs> prompt_logprobs;
  std::vector<float> embedding;
  FinishReason finish = FinishReason::kNone;
  std::int32_t stop_token = -1;
  RequestTimes times;
  std::int32_t cached_tokens = 0;

  bool empty() const noexcept { return tokens.empty() && finish == FinishReason::kNone; }
};

// The end of the mailbox of requests that belong together. Owned by the engine as their sink, and by who
// waits for the answers.
class TokenChannel final : public TokenSink, public std::enable_shared_from_this<TokenChannel> {
 public:
  TokenChannel(std::shared_ptr<TokenMailbox::State> state, RequestId first, std::size_t count)
      : state_(std::move(state)), first_(first), arrived_(count), news_(state_->loop) {}

  // Threads: the engine's.
  void on_tokens(const TokenEvent& event) noexcept override;

  // Suspends until there is news of any request: a batch for each that has some, in their order. After its
  // finishing batch a request has none. Threads: the loop's.
  Task<std::vector<TokenBatch>> next();

 private:
  friend class TokenMailbox;

  std::vector<TokenBatch> take();

  std::shared_ptr<TokenMailbox::State> state_;
  const RequestId first_;
  std::vector<TokenBatch> arrived_;     // guarded by state_->mutex
  std::vector<std::size_t> with_news_;  // likewise
  bool listed_ = false;                 // in state_->changed; guarded by state_->mutex
  Signal news_;                         // the loop's own
};

}  // namespace sluice::worker
