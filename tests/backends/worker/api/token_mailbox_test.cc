#include "backends/worker/api/token_mailbox.h"

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "gateway/runtime/task_group.h"

namespace sluice::worker {
namespace {

class TokenMailboxTest : public ::testing::Test {
 protected:
  static Task<void> collect(std::shared_ptr<TokenChannel> channel, std::vector<std::int32_t>& into,
                            int& batches) {
    for (;;) {
      const TokenBatch batch = co_await channel->next();
      ++batches;
      into.insert(into.end(), batch.tokens.begin(), batch.tokens.end());
      if (batch.finish != FinishReason::kNone) co_return;
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
  const auto first = mailbox_.open();
  const auto second = mailbox_.open();
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

TEST_F(TokenMailboxTest, NewsForOneThatHasLeftIsDropped) {
  const auto channel = mailbox_.open();
  std::vector<std::int32_t> tokens;
  int batches = 0;
  tasks_.spawn(collect(channel, tokens, batches));
  say(*channel, {1});
  tasks_.cancel_all();
  loop_.poll();
  EXPECT_TRUE(tokens.empty());
}

TEST_F(TokenMailboxTest, TokensOfAnotherThreadArriveWholeAndInOrder) {
  constexpr std::int32_t kTokens = 2000;
  std::vector<std::int32_t> got;
  int batches = 0;
  const auto channel = mailbox_.open();
  tasks_.spawn(collect(channel, got, batches));
  std::thread engine([&] {
    for (std::int32_t i = 0; i < kTokens; ++i)
      say(*channel, {i}, i + 1 == kTokens ? FinishReason::kLength : FinishReason::kNone);
  });
  while (tasks_.size() > 0)
    loop_.poll();
  engine.join();
  std::vector<std::int32_t> expected(kTokens);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(got, expected);
}

}  // namespace
}  // namespace sluice::worker
