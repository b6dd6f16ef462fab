#include "backends/worker/api/token_mailbox.h"

#include <utility>

namespace sluice::worker {

std::shared_ptr<TokenChannel> TokenMailbox::open() {
  return std::make_shared<TokenChannel>(state_);
}

void TokenMailbox::deliver(const std::shared_ptr<State>& state) {
  std::vector<std::shared_ptr<TokenChannel>> changed;
  {
    const std::lock_guard lock(state->mutex);
    changed.swap(state->changed);
    state->posted = false;
    for (const auto& channel : changed)
      channel->listed_ = false;
  }
  for (const auto& channel : changed)
    channel->news_.notify_all();
}

void TokenChannel::on_tokens(const TokenEvent& event) noexcept {
  {
    const std::lock_guard lock(state_->mutex);
    arrived_.tokens.insert(arrived_.tokens.end(), event.tokens.begin(), event.tokens.end());
    arrived_.computed_at.resize(arrived_.tokens.size(), event.times.last_token);
    arrived_.finish = event.finish;
    arrived_.stop_token = event.stop_token;
    arrived_.times = event.times;
    if (!std::exchange(listed_, true)) state_->changed.push_back(shared_from_this());
    if (std::exchange(state_->posted, true)) return;
  }
  state_->loop.post([state = state_] { TokenMailbox::deliver(state); });
}

TokenBatch TokenChannel::take() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(arrived_, {});
}

Task<TokenBatch> TokenChannel::next() {
  for (;;) {
    TokenBatch batch = take();
    if (!batch.empty()) co_return batch;
    (void)co_await news_.wait();
  }
}

}  // namespace sluice::worker
