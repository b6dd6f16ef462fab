#include "filters/retry/retry_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "filters/retry/backoff.h"

namespace sluice {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RetryBudget, IsAShareOfTheCallsOfTheLastTenSecondsAndALittleMore) {
  RetryBudget budget;
  const RetryBudgetPolicy policy{.share = 0.2, .per_second = 0.3};
  TimePoint now{seconds(1000)};
  const auto taken = [&] {
    int count = 0;
    while (budget.take(now, policy))
      ++count;
    return count;
  };
  EXPECT_EQ(taken(), 3) << "without a call";
  for (int i = 0; i < 100; ++i)
    budget.count_call(now);
  EXPECT_EQ(taken(), 20);
  now += seconds(9);
  EXPECT_EQ(taken(), 0);
  now += seconds(1);
  EXPECT_EQ(taken(), 3) << "all of that is ten seconds ago";
}

TEST(RetryBudget, MayBeNothing) {
  RetryBudget budget;
  for (int i = 0; i < 1000; ++i)
    budget.count_call(TimePoint(seconds(5)));
  EXPECT_FALSE(budget.take(TimePoint(seconds(5)), {.share = 0, .per_second = 0}));
}

// A fleet that refuses at once, clients that come evenly, and each call makes as many attempts as it is let.
TEST(RetryBudget, InAnOutageLoadGrowsByTheShareOnly) {
  RetryBudget budget;
  const RetryBudgetPolicy policy{.share = 0.2, .per_second = 1};
  TimePoint now{seconds(1000)};
  std::uint64_t calls = 0;
  std::uint64_t attempts = 0;
  for (; now < TimePoint(seconds(1060)); now += microseconds(500)) {
    budget.count_call(now);
    ++calls;
    for (int attempt = 1; attempt <= 10; ++attempt) {
      ++attempts;
      if (!budget.take(now, policy)) break;
    }
  }
  EXPECT_LE(static_cast<double>(attempts), 1.2 * static_cast<double>(calls) + 60 + 10);
  EXPECT_GE(static_cast<double>(attempts), 1.19 * static_cast<double>(calls)) << "it is used";
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

TEST(Backoff, BeginsBehindWhatTheBackendSaysUnlessThatIsTooLong) {
  const BackoffPolicy policy{.base = milliseconds(25), .most = seconds(1)};
  Random random(1);
  Duration longest{0};
  for (int i = 0; i < 1000; ++i) {
    const auto wait = backoff(1, seconds(1), policy, random);
    ASSERT_TRUE(wait);
    EXPECT_GE(*wait, seconds(1));
    longest = std::max(longest, *wait);
  }
  EXPECT_GT(longest, seconds(1) + milliseconds(20)) << "not all at once";
  EXPECT_EQ(backoff(1, milliseconds(1001), policy, random), std::nullopt);
}

TEST(Backoff, SurvivesTimesAtTheEndsOfWhatNumbersSay) {
  Random random(1);
  EXPECT_TRUE(backoff(1000, std::nullopt, {.base = seconds(1), .most = Duration::max()}, random));
  EXPECT_EQ(backoff(3, std::nullopt, {.base = seconds(-1), .most = seconds(1)}, random), Duration(0));
}

}  // namespace
}  // namespace sluice
