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
// A channel holds at most the tokens of one answer (max_tokens, 12 bytes each): a client that reads slowly
// makes its own channel fill, the engine goes on and nobody else waits.
class TokenMailbox {
 public:
  // The loop must outlive the last channel.
  explicit TokenMailbox(Loop& loop) : state_(std::make_shared<State>(loop)) {}

  // The way of one request's tokens. Threads: the loop's only.
  std::shared_ptr<TokenChannel> open();

 private:
  friend class TokenChannel;

  // Owned by the mailbox, its channels and the posts under way.
  struct State {
    explicit State(Loop& l) : loop(l) {}
    Loop& loop;
    std::mutex mutex;  // guards what follows, and what each channel says it guards
    std::vector<std::shared_ptr<TokenChannel>> changed;
    bool posted = false;
  };

  static void deliver(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

// What a request's engine said since the last look.
struct TokenBatch {
  std::vector<std::int32_t> tokens;
  std::vector<TimePoint> computed_at;  // of each token, on the engine's clock
  FinishReason finish = FinishReason::kNone;
  std::int32_t stop_token = -1;
  RequestTimes times;

  bool empty() const noexcept { return tokens.empty() && finish == FinishReason::kNone; }
};

// One request's end of the mailbox. Owned by the engine as the request's sink, and by who waits for the
// answer.
class TokenChannel final : public TokenSink, public std::enable_shared_from_this<TokenChannel> {
 public:
  explicit TokenChannel(std::shared_ptr<TokenMailbox::State> state)
      : state_(std::move(state)), news_(state_->loop) {}

  // Threads: the engine's.
  void on_tokens(const TokenEvent& event) noexcept override;

  // Suspends until there is news. After the finishing batch there is none. Threads: the loop's.
  Task<TokenBatch> next();

 private:
  friend class TokenMailbox;

  TokenBatch take();

  std::shared_ptr<TokenMailbox::State> state_;
  TokenBatch arrived_;   // guarded by state_->mutex
  bool listed_ = false;  // in state_->changed; guarded by state_->mutex
  Signal news_;          // the loop's own
};

}  // namespace sluice::worker
