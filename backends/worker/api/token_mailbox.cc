#include "backends/worker/api/token_mailbox.h"

#include <algorithm>
#include <utility>

namespace sluice::worker {

std::shared_ptr<TokenChannel> TokenMailbox::open(RequestId first, std::size_t count) {
  return std::make_shared<TokenChannel>(state_, first, count);
}

void TokenMailbox::deliver(const std::shared_ptr<State>& state) {
  std::vector<std::shared_ptr<TokenChannel>> changed;
  {
    const std::lock_guard lock(state->mutex);
    for (const auto& listed : std::exchange(state->changed, {})) {
      // One that nobody owns any more has nobody who waits.
      const auto channel = listed.lock();
      if (!channel) continue;
      channel->listed_ = false;
      changed.push_back(channel);
    }
    state->posted = false;
  }
  for (const auto& channel : changed)
    channel->news_.notify_all();
}

void TokenChannel::on_tokens(const TokenEvent& event) noexcept {
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  {
    const std::lock_guard lock(state_->mutex);
    const auto index = static_cast<std::size_t>(event.id - first_);
    TokenBatch& batch = arrived_[index];
    if (batch.empty()) with_news_.push_back(index);
    append(batch.tokens, event.tokens);
    batch.computed_at.resize(batch.tokens.size(), event.times.last_token);
    append(batch.logprobs, event.logprobs);
    append(batch.prompt_logprobs, event.prompt_logprobs);
    append(batch.embedding, event.embedding);
    batch.finish = event.finish;
    batch.stop_token = event.stop_token;
    batch.times = event.times;
    batch.cached_tokens = event.cached_tokens;
    if (!std::exchange(listed_, true)) state_->changed.push_back(weak_from_this());
    if (std::exchange(state_->posted, true)) return;
  }
  state_->loop.post([state = state_] { TokenMailbox::deliver(state); });
}

std::vector<TokenBatch> TokenChannel::take() {
  std::vector<TokenBatch> batches;
  const std::lock_guard lock(state_->mutex);
  std::ranges::sort(with_news_);
  for (const std::size_t index : with_news_) {
    batches.push_back(std::exchange(arrived_[index], {}));
    batches.back().index = index;
  }
  with_news_.clear();
  return batches;
}

Task<std::vector<TokenBatch>> TokenChannel::next() {
  for (;;) {
    std::vector<TokenBatch> batches = take();
    if (!batches.empty()) co_return batches;
    (void)co_await news_.wait();
  }
}

}  // namespace sluice::worker
