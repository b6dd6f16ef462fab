#include "filters/retry/retry_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "filters/retry/backoff.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryBudget, IsAShareOfWhatRunsButAtLeastAFew) {
  RetryBudget budget;
  const RetryBudgetPolicy policy{.share = 0.2, .at_least = 3};
  std::vector<RetryBudget::Permit> permits;
  for (int i = 0; i < 3; ++i)
    permits.push_back(budget.take(1, policy));
  EXPECT_EQ(budget.retrying(), 3);
  EXPECT_FALSE(budget.take(1, policy));
  EXPECT_TRUE(budget.take(3 + 100, policy)) << "given back at once";
  EXPECT_EQ(budget.retrying(), 3);
  for (int i = 3; i < 20; ++i) {
    permits.push_back(budget.take(100 + i, policy));
    EXPECT_TRUE(permits.back());
  }
  EXPECT_FALSE(budget.take(120, policy)) << "20 of 100";
  permits.clear();
  EXPECT_EQ(budget.retrying(), 0);
}

TEST(RetryBudget, MayBeNothing) {
  RetryBudget budget;
  EXPECT_FALSE(budget.take(1000, {.share = 0, .at_least = 0}));
}

TEST(RetryBudget, IsNeverExceededByThreads) {
  RetryBudget budget;
  const RetryBudgetPolicy policy{.share = 0, .at_least = 5};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        const RetryBudget::Permit a = budget.take(0, policy);
        const RetryBudget::Permit b = budget.take(0, policy);
        if (budget.retrying() > 5) exceeded = true;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget.retrying(), 0);
}

TEST(Backoff, DrawsFromATimeThatDoublesUpToItsLimit) {
  const BackoffPolicy policy{.base = milliseconds(25), .most = milliseconds(150)};
  Random random(1);
  for (const auto& [retry, most] :
       std::vector<std::pair<std::uint32_t, milliseconds>>{{1, milliseconds(25)},
                                                           {2, milliseconds(50)},
                                                           {3, milliseconds(100)},
                                                           {4, milliseconds(150)},
                                                           {1000, milliseconds(150)}}) {
    Duration longest{0};
    Duration shortest = seconds(1);
    for (int i = 0; i < 1000; ++i) {
      const auto wait = backoff(retry, std::nullopt, policy, random);
      ASSERT_TRUE(wait);
      longest = std::max(longest, *wait);
      shortest = std::min(shortest, *wait);
    }
    EXPECT_LE(longest, most);
    EXPECT_GT(longest, most * 9 / 10) << retry;
    EXPECT_LT(shortest, most / 10) << retry;
  }
}

TEST(Backoff, WaitsForABackendThatSaysWhenUnlessThatIsTooLong) {
  const BackoffPolicy policy{.base = milliseconds(25), .most = seconds(1)};
  Random random(1);
  EXPECT_EQ(backoff(1, seconds(1), policy, random), seconds(1));
  EXPECT_EQ(backoff(1, milliseconds(1001), policy, random), std::nullopt);
  EXPECT_GE(backoff(1, milliseconds(10), policy, random), milliseconds(10));
}

}  // namespace
}  // namespace sluice
