#include "backends/worker/engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int32_t kVocab = 100;
constexpr std::int32_t kEos = 1;
constexpr std::int32_t kWord = 50;

EngineOptions small_engine() {
  EngineOptions options;
  options.max_num_seqs = 3;
  options.max_num_batched_tokens = 8;
  options.max_model_len = 64;
  options.block_size = 4;
  options.kv_blocks = 16;
  options.eos_token_ids = {kEos};
  return options;
}

Request prompt_of(RequestId id, std::int32_t size, std::int32_t max_tokens = 4) {
  Request request;
  request.id = id;
  request.prompt.assign(static_cast<std::size_t>(size), 10);
  request.max_tokens = max_tokens;
  return request;
}

// Drives a scheduler by hand and keeps what it delivered, per request.
class Driver {
 public:
  explicit Driver(const EngineOptions& options = small_engine()) : scheduler(options, kVocab) {}

  void add(Request request) { scheduler.add(std::move(request), TimePoint{}); }

  // One step; every output picks `token`. Returns the rows that each sequence of the step had.
  std::vector<std::int32_t> step(std::int32_t token = kWord) {
    now += std::chrono::seconds(1);
    const Batch& batch = scheduler.plan(now);
    std::vector<std::int32_t> rows;
    for (const SequenceRows& sequence : batch.sequences)
      rows.push_back(sequence.rows);
    batched_tokens = batch.tokens.size();
    slots = batch.slots;
    const std::vector<std::int32_t> picked(batch.outputs.size(), token);
    scheduler.complete(picked, now, deliveries);
    return rows;
  }

  std::vector<std::int32_t> tokens_of(RequestId id) const {
    std::vector<std::int32_t> tokens;
    for (const Delivery& delivery : deliveries) {
      if (delivery.event.id == id)
        tokens.insert(tokens.end(), delivery.tokens.begin(), delivery.tokens.end());
    }
    return tokens;
  }

  FinishReason finish_of(RequestId id) const {
    FinishReason reason = FinishReason::kNone;
    for (const Delivery& delivery : deliveries) {
      if (delivery.event.id == id) reason = delivery.event.finish;
    }
    return reason;
  }

  Scheduler scheduler;
  std::vector<Delivery> deliveries;
  std::size_t batched_tokens = 0;
  std::vector<std::int32_t> slots;
  TimePoint now{};
};

TEST(Scheduler, ALongPromptIsComputedInChunksWhileOthersGoOnDecoding) {
  Driver driver;
  driver.add(prompt_of(1, 2, 10));
  EXPECT_THAT(driver.step(), ElementsAre(2));
  driver.add(prompt_of(2, 17, 10));
  EXPECT_THAT(driver.step(), ElementsAre(1, 7));
  EXPECT_THAT(driver.step(), ElementsAre(1, 7));
  EXPECT_THAT(driver.tokens_of(2), IsEmpty());
  EXPECT_EQ(driver.scheduler.prompt_tokens(), 2u);
  EXPECT_THAT(driver.step(), ElementsAre(1, 3));
  EXPECT_THAT(driver.tokens_of(2), ElementsAre(kWord));
  EXPECT_EQ(driver.scheduler.prompt_tokens(), 19u);
  EXPECT_THAT(driver.tokens_of(1), ElementsAre(kWord, kWord, kWord, kWord));
}

TEST(Scheduler, AStepNeverHasMoreRowsThanItsBudgetNorMoreSequencesThanAllowed) {
  Driver driver;
  for (RequestId id = 1; id <= 10; ++id)
    driver.add(prompt_of(id, 5, 3));
  while (driver.scheduler.has_work()) {
    driver.step();
    EXPECT_LE(driver.batched_tokens, 8u);
    EXPECT_LE(driver.scheduler.running(), 3);
  }
  for (RequestId id = 1; id <= 10; ++id)
    EXPECT_THAT(driver.tokens_of(id), ElementsAre(kWord, kWord, kWord));
}

TEST(Scheduler, RowsOfDifferentSequencesNeverShareASlot) {
  Driver driver;
  for (RequestId id = 1; id <= 3; ++id)
    driver.add(prompt_of(id, 2, 6));
  driver.step();
  std::map<std::int32_t, int> uses;
  for (int i = 0; i < 4; ++i) {
    driver.step();
    for (const std::int32_t slot : driver.slots)
      ++uses[slot];
  }
  EXPECT_EQ(uses.size(), 12u);
}

TEST(Scheduler, AnAnswerEndsAtMaxTokens) {
  Driver driver;
  driver.add(prompt_of(1, 3, 2));
  driver.step();
  EXPECT_EQ(driver.finish_of(1), FinishReason::kNone);
  driver.step();
  EXPECT_EQ(driver.finish_of(1), FinishReason::kLength);
  EXPECT_FALSE(driver.scheduler.has_work());
  EXPECT_EQ(driver.scheduler.kv_blocks_used(), 0);
}

TEST(Scheduler, AnAnswerEndsWhereTheContextEnds) {
  EngineOptions options = small_engine();
  options.max_model_len = 6;
  Driver driver(options);
  driver.add(prompt_of(1, 3, 1000));
  while (driver.scheduler.has_work())
    driver.step();
  EXPECT_EQ(driver.tokens_of(1).size(), 3u);
  EXPECT_EQ(driver.finish_of(1), FinishReason::kLength);
}

TEST(Scheduler, EndOfSequenceStopsUnlessItIsIgnored) {
  Driver driver;
  driver.add(prompt_of(1, 3));
  Request stubborn = prompt_of(2, 3);
  stubborn.ignore_eos = true;
  driver.add(std::move(stubborn));
  while (driver.scheduler.has_work())
    driver.step(kEos);
  EXPECT_THAT(driver.tokens_of(1), ElementsAre(kEos));
  EXPECT_EQ(driver.finish_of(1), FinishReason::kStop);
  EXPECT_EQ(driver.deliveries.front().event.stop_token, -1);
  EXPECT_EQ(driver.tokens_of(2).size(), 4u);
  EXPECT_EQ(driver.finish_of(2), FinishReason::kLength);
}

TEST(Scheduler, AStopTokenStopsAndIsTold) {
  Driver driver;
  Request request = prompt_of(1, 3);
  request.stop_token_ids = {7, kVocab + 5};
  driver.add(std::move(request));
  driver.step(7);
  EXPECT_EQ(driver.finish_of(1), FinishReason::kStop);
  EXPECT_EQ(driver.deliveries.back().event.stop_token, 7);
}

TEST(Scheduler, StopTokensAreBannedUntilMinTokensWereGenerated) {
  Driver driver;
  Request request = prompt_of(1, 3, 5);
  request.min_tokens = 2;
  request.stop_token_ids = {7, kVocab + 5};
  driver.add(std::move(request));
  std::vector<std::vector<std::int32_t>> banned;
  for (int i = 0; i < 3; ++i) {
    driver.scheduler.plan(TimePoint{});
    const auto lists = driver.scheduler.banned();
    ASSERT_EQ(lists.size(), 1u);
    banned.emplace_back(lists[0].begin(), lists[0].end());
    driver.scheduler.complete(std::vector<std::int32_t>{kWord}, TimePoint{}, driver.deliveries);
  }
  EXPECT_THAT(banned, ElementsAre(ElementsAre(kEos, 7), ElementsAre(kEos, 7), IsEmpty()));
}

TEST(Scheduler, ARequestThatDoesNotFitWaitsForOthersToEndAndHoldsTheQueueInOrder) {
  Driver driver;                     // 16 blocks of 4
  driver.add(prompt_of(1, 20, 21));  // 40 cached tokens, 10 blocks
  for (int i = 0; i < 3; ++i)
    driver.step();
  EXPECT_EQ(driver.scheduler.kv_blocks_used(), 10);
  driver.add(prompt_of(2, 20, 9));  // 28 tokens, 7 blocks: one too many
  driver.add(prompt_of(3, 2, 1));   // would fit, but must not overtake
  driver.step();
  EXPECT_EQ(driver.scheduler.running(), 1);
  EXPECT_EQ(driver.scheduler.waiting(), 2);
  while (driver.finish_of(1) == FinishReason::kNone)
    driver.step();
  EXPECT_EQ(driver.tokens_of(1).size(), 21u);
  driver.step();
  EXPECT_EQ(driver.scheduler.kv_blocks_used(), 7);
  while (driver.scheduler.has_work())
    driver.step();
  EXPECT_EQ(driver.tokens_of(2).size(), 9u);
  EXPECT_EQ(driver.tokens_of(3).size(), 1u);
  EXPECT_EQ(driver.scheduler.kv_blocks_used(), 0);
}

TEST(Scheduler, AnAbortFreesTheSequenceWhereverItIs) {
  Driver driver;
  for (RequestId id = 1; id <= 4; ++id)
    driver.add(prompt_of(id, 8, 20));
  driver.step();  // 1 decodes next, the others wait for rows
  driver.step();
  for (const RequestId id : {4U, 1U, 2U, 3U}) {
    EXPECT_TRUE(driver.scheduler.abort(id, FinishReason::kAborted, driver.deliveries));
    EXPECT_EQ(driver.finish_of(id), FinishReason::kAborted);
  }
  EXPECT_FALSE(driver.scheduler.abort(1, FinishReason::kAborted, driver.deliveries));
  EXPECT_EQ(driver.scheduler.kv_blocks_used(), 0);
  EXPECT_FALSE(driver.scheduler.has_work());
}

TEST(Scheduler, TimesTellWhenEachStageWasReached) {
  Driver driver;
  driver.now = TimePoint(std::chrono::seconds(10));
  driver.scheduler.add(prompt_of(1, 10, 2), driver.now);
  for (int i = 0; i < 3; ++i)
    driver.step();
  const RequestTimes& times = driver.deliveries.back().event.times;
  EXPECT_EQ(times.submitted, TimePoint(std::chrono::seconds(10)));
  EXPECT_EQ(times.scheduled, TimePoint(std::chrono::seconds(11)));
  EXPECT_EQ(times.first_token, TimePoint(std::chrono::seconds(12)));
  EXPECT_EQ(times.last_token, TimePoint(std::chrono::seconds(13)));
}

TEST(Scheduler, WhatCanNeverRunIsRefused) {
  EngineOptions options = small_engine();
  options.kv_blocks = 8;  // 32 tokens, half of max_model_len
  const Scheduler scheduler(options, kVocab);
  const auto status = [&](const std::function<void(Request&)>& change) {
    Request request = prompt_of(1, 10);
    change(request);
    return scheduler.check(request);
  };
  EXPECT_EQ(status([](Request&) {}), SubmitStatus::kAccepted);
  EXPECT_EQ(status([](Request& r) { r.prompt.clear(); }), SubmitStatus::kEmptyPrompt);
  EXPECT_EQ(status([](Request& r) { r.prompt.assign(64, 1); }), SubmitStatus::kPromptTooLong);
  EXPECT_EQ(status([](Request& r) { r.prompt[3] = kVocab; }), SubmitStatus::kTokenOutOfVocabulary);
  EXPECT_EQ(status([](Request& r) { r.prompt[3] = -1; }), SubmitStatus::kTokenOutOfVocabulary);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 0; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.min_tokens = 5; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.min_tokens = -1; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 23; }), SubmitStatus::kAccepted);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 24; }), SubmitStatus::kNeverFits);
}

}  // namespace
}  // namespace sluice::worker
