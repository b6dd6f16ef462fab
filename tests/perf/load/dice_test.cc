#include "perf/load/dice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "perf/load/message_reader.h"

namespace sluice::load {
namespace {

// All that a plan sends.
std::string sent(const Plan& plan) {
  std::string all;
  for (const Step& step : plan.steps)
    all += step.bytes;
  return all;
}

std::string described(const Plan& plan) {
  std::string text(plan.kind);
  for (const Step& step : plan.steps)
    text += "\n" + std::to_string(static_cast<int>(step.kind)) + " " + std::to_string(step.count) + " " +
            std::to_string(step.time) + " " + step.bytes;
  return text;
}

// How many requests these bytes are, or -1 where they end in one.
int whole_requests(std::string_view bytes) {
  struct Counter final : MessageReader::Sink {
    void head(std::string_view) override {}
    void content(std::string_view) override {}
    void end() override { ++requests; }
    int requests = 0;
  } counter;
  MessageReader reader(MessageReader::Kind::kRequests);
  const bool good = reader.take(bytes, counter);
  return good && reader.between() ? counter.requests : -1;
}

TEST(Dice, TheSameSeedMakesTheSamePlans) {
  Dice one(7);
  Dice same(7);
  Dice other(8);
  bool differs = false;
  for (int i = 0; i < 200; ++i) {
    const std::string plan = described(one.visitor());
    EXPECT_EQ(plan, described(same.visitor()));
    differs = differs || plan != described(other.visitor());
  }
  EXPECT_TRUE(differs);
}

TEST(Dice, LeaversLeaveInEveryStateAndInBothWays) {
  Dice dice(1);
  std::set<std::pair<std::string_view, Plan::Leaving>> seen;
  for (int i = 0; i < 2000; ++i) {
    const Plan plan = dice.leaver();
    EXPECT_EQ(plan.expects, Plan::Expects::kNothing);
    seen.emplace(plan.kind, plan.leaving);
  }
  for (const std::string_view state : {"before the head", "in the head", "after the head", "in the body",
                                       "before the answer", "in the answer", "pipelined", "half-closed"})
    for (const Plan::Leaving way : {Plan::Leaving::kOrderly, Plan::Leaving::kReset})
      EXPECT_TRUE(seen.contains({state, way})) << state;
}

TEST(Dice, LeaversStopWhereTheirNameSays) {
  Dice dice(2);
  for (int i = 0; i < 2000; ++i) {
    const Plan plan = dice.leaver();
    const std::string bytes = sent(plan);
    const bool head_ended = bytes.contains("\r\n\r\n");
    if (plan.kind == "before the head") EXPECT_TRUE(bytes.empty());
    if (plan.kind == "in the head") EXPECT_FALSE(bytes.empty() || head_ended);
    if (plan.kind == "after the head") EXPECT_TRUE(bytes.ends_with("\r\n\r\n"));
    if (plan.kind == "in the body") EXPECT_TRUE(head_ended && whole_requests(bytes) == -1);
    if (plan.kind == "before the answer" || plan.kind == "in the answer") EXPECT_EQ(whole_requests(bytes), 1);
    if (plan.kind == "pipelined") EXPECT_GT(whole_requests(bytes), 1);
  }
}

TEST(Dice, WhoExpectsAnswersAsksForAsMany) {
  Dice dice(3);
  std::set<std::string_view> kinds;
  for (int i = 0; i < 1000; ++i) {
    const Plan plan = dice.visitor();
    if (plan.expects != Plan::Expects::kAnswers) continue;
    kinds.insert(plan.kind);
    EXPECT_EQ(whole_requests(sent(plan)), static_cast<int>(plan.answers)) << plan.kind;
  }
  EXPECT_THAT(kinds, testing::UnorderedElementsAre("keep-alive", "pipelining", "slow writer", "slow reader",
                                                   "large body"));
}

TEST(Dice, SlowClientsNeverLeaveByThemselves) {
  std::set<std::string_view> kinds;
  for (std::size_t kind = 0; kind < kSlowKinds; ++kind) {
    const Plan plan = slow_plan(kind);
    EXPECT_EQ(plan.leaving, Plan::Leaving::kNotByItself);
    kinds.insert(plan.kind);
  }
  EXPECT_EQ(kinds.size(), kSlowKinds);
}

}  // namespace
}  // namespace sluice::load
