#include "backends/worker/api/token_mailbox.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "backends/worker/engine/engine.h"
#include "gateway/runtime/task_group.h"

namespace sluice::worker {
namespace {

class TokenMailboxTest : public ::testing::Test {
 protected:
  static Task<void> collect(std::shared_ptr<TokenChannel> channel, std::vector<std::int32_t>& into,
                            int& batches) {
    for (;;) {
      const std::vector<TokenBatch> news = co_await channel->next();
      for (const TokenBatch& batch : news) {
        ++batches;
        into.insert(into.end(), batch.tokens.begin(), batch.tokens.end());
        if (batch.finish != FinishReason::kNone) co_return;
      }
    }
  }
  static void say(TokenChannel& channel, std::vector<std::int32_t> tokens,
                  FinishReason finish = FinishReason::kNone) {
    channel.on_tokens({1, tokens, finish, -1, {}});
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  TokenMailbox mailbox_{loop_};
  TaskGroup tasks_;
};

TEST_F(TokenMailboxTest, OnePostWakesEverybodyThatAStepHasNewsFor) {
  std::vector<std::int32_t> a, b;
  int batches = 0;
  const auto first = mailbox_.open(1, 1);
  const auto second = mailbox_.open(1, 1);
  tasks_.spawn(collect(first, a, batches));
  tasks_.spawn(collect(second, b, batches));
  say(*first, {1, 2});
  say(*second, {3});
  say(*first, {4});
  // The post, and one round of the two that it woke.
  EXPECT_EQ(loop_.poll(), 2u);
  EXPECT_EQ(a, (std::vector<std::int32_t>{1, 2, 4}));
  EXPECT_EQ(b, (std::vector<std::int32_t>{3}));
  EXPECT_EQ(batches, 2);
}

TEST_F(TokenMailboxTest, RequestsOfOneChannelAreToldApart) {
  const auto channel = mailbox_.open(10, 3);
  std::vector<TokenBatch> news;
  const auto take = [](std::shared_ptr<TokenChannel> from, std::vector<TokenBatch>& into) -> Task<void> {
    into = co_await from->next();
  };
  channel->on_tokens({12, std::vector<std::int32_t>{7}, FinishReason::kNone, -1, {}});
  channel->on_tokens({10, std::vector<std::int32_t>{5, 6}, FinishReason::kNone, -1, {}});
  channel->on_tokens({12, std::vector<std::int32_t>{8}, FinishReason::kLength, -1, {}});
  tasks_.spawn(take(channel, news));
  loop_.poll();
  ASSERT_EQ(news.size(), 2u);
  EXPECT_EQ(news[0].index, 0u);
  EXPECT_EQ(news[0].tokens, (std::vector<std::int32_t>{5, 6}));
  EXPECT_EQ(news[1].index, 2u);
  EXPECT_EQ(news[1].tokens, (std::vector<std::int32_t>{7, 8}));
  EXPECT_EQ(news[1].finish, FinishReason::kLength);
}

TEST_F(TokenMailboxTest, NewsForOneThatHasLeftIsDropped) {
  auto channel = mailbox_.open(1, 1);
  const std::weak_ptr<TokenChannel> watched = channel;
  std::vector<std::int32_t> tokens;
  int batches = 0;
  tasks_.spawn(collect(channel, tokens, batches));
  say(*channel, {1});
  tasks_.cancel_all();
  channel.reset();
  EXPECT_TRUE(watched.expired()) << "what is posted keeps nothing alive";
  loop_.poll();
  EXPECT_TRUE(tokens.empty());
}

// Counts instead of computing.
class CountingModel final : public ModelRunner {
 public:
  static constexpr std::int32_t kVocabulary = 4096;

  std::int32_t vocab_size() const override { return kVocabulary; }
  void run(const Batch&) override {}
  void most_probable(std::span<std::int32_t> tokens) override {
    for (std::int32_t& token : tokens)
      token = next_++;
  }
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override { return {}; }

 private:
  std::int32_t next_ = 0;
};

TEST_F(TokenMailboxTest, TokensOfTheEnginesThreadArriveWholeAndInOrder) {
  constexpr std::int32_t kTokens = 2000;
  SteadyClock clock;
  EngineOptions options;
  options.max_model_len = kTokens + 1;
  options.kv_blocks = 200;
  Engine engine(std::make_unique<CountingModel>(), options, clock);
  std::vector<std::int32_t> got;
  int batches = 0;
  Request request;
  request.id = engine.new_id();
  request.prompt = std::make_shared<const std::vector<std::int32_t>>(1, 1);
  request.max_tokens = kTokens;
  const auto channel = mailbox_.open(1, 1);
  request.sink = channel;
  tasks_.spawn(collect(channel, got, batches));
  ASSERT_EQ(engine.submit({std::move(request)}), SubmitStatus::kAccepted);
  const auto work = boost::asio::make_work_guard(loop_.io());
  while (tasks_.size() > 0)
    loop_.io().run_one();
  engine.stop();
  std::vector<std::int32_t> expected(kTokens);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace sluice::worker
