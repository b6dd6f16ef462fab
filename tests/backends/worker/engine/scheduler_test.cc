#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/backends/worker/engine/scheduler_driver.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Scheduler, ALongPromptIsComputedInChunksWhileOthersGoOnDecoding) {
  Driver driver;
  driver.add(prompt_of(1, 2, 10));
  EXPECT_THAT(driver.step(), ElementsAre(2));
  driver.add(prompt_of(2, 17, 10));
  EXPECT_THAT(driver.step(), ElementsAre(1, 7));
  EXPECT_THAT(driver.step(), ElementsAre(1, 7));
  EXPECT_THAT(driver.tokens_of(2), IsEmpty());
  EXPECT_EQ(driver.scheduler.stats().prompt_tokens, 2u);
  EXPECT_THAT(driver.step(), ElementsAre(1, 3));
  EXPECT_THAT(driver.tokens_of(2), ElementsAre(kWord));
  EXPECT_EQ(driver.scheduler.stats().prompt_tokens, 19u);
  EXPECT_THAT(driver.tokens_of(1), ElementsAre(kWord, kWord, kWord, kWord));
}

TEST(Scheduler, AStepNeverHasMoreRowsThanItsBudgetNorMoreSequencesThanAllowed) {
  Driver driver;
  for (RequestId id = 1; id <= 10; ++id)
    driver.add(prompt_of(id, 5, 3));
  while (driver.scheduler.has_work()) {
    driver.step();
    EXPECT_LE(driver.batched_tokens, 8u);
    EXPECT_LE(driver.scheduler.stats().running, 3);
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
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
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
  request.sampling = sampling({.stop_token_ids = {7, 9}});
  driver.add(std::move(request));
  driver.step(7);
  EXPECT_EQ(driver.finish_of(1), FinishReason::kStop);
  EXPECT_EQ(driver.deliveries.back().event.stop_token, 7);
}

TEST(Scheduler, APromptThatFindsNoRoomWaitsAndHoldsTheQueueInOrder) {
  Driver driver;                     // 16 blocks of 4
  driver.add(prompt_of(1, 20, 20));  // 39 cached tokens in the end, 10 blocks
  for (int i = 0; i < 16; ++i)
    driver.step();
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 9);  // 20 tokens in three steps, then one each: 33
  driver.add(prompt_of(2, 32, 2));                     // 8 blocks for the prompt: one too many
  driver.add(prompt_of(3, 2, 1));                      // would fit, but must not overtake
  driver.step();
  EXPECT_EQ(driver.scheduler.stats().running, 1);
  EXPECT_EQ(driver.scheduler.stats().waiting, 2);
  driver.run();
  EXPECT_EQ(driver.tokens_of(1).size(), 20u);
  EXPECT_EQ(driver.tokens_of(2).size(), 2u);
  EXPECT_EQ(driver.tokens_of(3).size(), 1u);
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
  EXPECT_EQ(driver.scheduler.stats().preemptions, 0u);
}

TEST(Scheduler, BlocksAreTakenAsASequenceGrows) {
  Driver driver;
  driver.add(prompt_of(1, 3, 7));
  std::vector<std::int32_t> used;
  while (driver.scheduler.has_work()) {
    driver.scheduler.plan(TimePoint{});
    used.push_back(driver.scheduler.stats().blocks_used);
    driver.step();
  }
  EXPECT_THAT(used, ElementsAre(1, 1, 2, 2, 2, 2, 3));
}

// Two that grow beyond the cache: the later one gives way and is computed again when the first has ended.
TEST(Scheduler, TheSequenceAdmittedLastGivesWayAndGoesOnLater) {
  EngineOptions options = small_engine();
  options.kv_blocks = 6;  // 24 tokens
  Driver driver(options);
  driver.add(prompt_of(1, 4, 17));
  driver.add(prompt_of(2, 4, 17));
  std::uint64_t preemptions = 0;
  while (driver.finish_of(1) == FinishReason::kNone) {
    driver.step();
    preemptions = driver.scheduler.stats().preemptions;
  }
  EXPECT_EQ(preemptions, 1u);
  EXPECT_GT(driver.tokens_of(2).size(), 5u);
  EXPECT_LT(driver.tokens_of(2).size(), 17u);
  const std::size_t before = driver.tokens_of(2).size();
  // Prompt and answer so far, computed like one prompt, in two chunks of the step's rows.
  EXPECT_THAT(driver.step(), ElementsAre(8));
  driver.run();
  EXPECT_EQ(driver.tokens_of(2).size(), 17u);
  EXPECT_GT(driver.tokens_of(2).size(), before);
  EXPECT_EQ(driver.scheduler.stats().preemptions, 1u);
  EXPECT_EQ(driver.scheduler.stats().prompt_tokens, 8u) << "a prompt counts once";
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
}

TEST(Scheduler, NobodyIsAdmittedInAStepThatTookAPlaceAway) {
  EngineOptions options = small_engine();
  options.kv_blocks = 6;
  Driver driver(options);
  driver.add(prompt_of(1, 4, 17));
  driver.add(prompt_of(2, 4, 17));
  while (driver.scheduler.stats().preemptions == 0) {
    if (driver.tokens_of(1).size() == 8) driver.add(prompt_of(3, 1, 1));
    driver.step();
  }
  // Request 3 fits into what 2 let go, but 2 comes first.
  EXPECT_EQ(driver.scheduler.stats().running, 1);
  EXPECT_EQ(driver.scheduler.stats().waiting, 2);
  driver.run();
  EXPECT_EQ(driver.tokens_of(2).size(), 17u);
  EXPECT_EQ(driver.tokens_of(3).size(), 1u);
}

TEST(Scheduler, ManySequencesInACacheForTwoAllFinish) {
  EngineOptions options = small_engine();
  options.max_num_seqs = 8;
  options.kv_blocks = 12;
  Driver driver(options);
  for (RequestId id = 1; id <= 16; ++id)
    driver.add(prompt_of(id, 5, 20));
  driver.run();
  for (RequestId id = 1; id <= 16; ++id)
    EXPECT_EQ(driver.tokens_of(id).size(), 20u);
  EXPECT_GT(driver.scheduler.stats().preemptions, 0u);
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
}

Request with_priority(Request request, std::int64_t priority) {
  request.priority = priority;
  return request;
}

EngineOptions by_priority() {
  EngineOptions options = small_engine();
  options.policy = SchedulingPolicy::kPriority;
  return options;
}

TEST(Scheduler, ByPriorityTheQueueIsSortedAndAgeDecidesAmongEquals) {
  EngineOptions options = by_priority();
  options.max_num_seqs = 1;
  Driver driver(options);
  driver.add(with_priority(prompt_of(1, 2, 1), 5));
  driver.add(with_priority(prompt_of(2, 2, 1), 0));
  driver.add(with_priority(prompt_of(3, 2, 1), -7));
  driver.add(with_priority(prompt_of(4, 2, 1), 0));
  driver.run();
  std::vector<RequestId> order;
  for (const Delivery& delivery : driver.deliveries)
    order.push_back(delivery.event.id);
  EXPECT_THAT(order, ElementsAre(3, 2, 4, 1));
}

TEST(Scheduler, WithoutThePolicyPrioritiesMeanNothing) {
  EngineOptions options = small_engine();
  options.max_num_seqs = 1;
  Driver driver(options);
  driver.add(with_priority(prompt_of(1, 2, 1), 5));
  driver.add(with_priority(prompt_of(2, 2, 1), 0));
  driver.run();
  EXPECT_EQ(driver.deliveries.front().event.id, 1u);
}

TEST(Scheduler, ByPriorityTheWorstGivesWayEvenIfItIsOlder) {
  EngineOptions options = by_priority();
  options.kv_blocks = 6;
  Driver driver(options);
  driver.add(with_priority(prompt_of(1, 4, 17), 9));
  driver.add(with_priority(prompt_of(2, 4, 17), 0));
  while (driver.scheduler.stats().preemptions == 0)
    driver.step();
  driver.run();
  // Both end in the same number of tokens; the better one was never held up.
  std::vector<RequestId> order;
  for (const Delivery& delivery : driver.deliveries) {
    if (delivery.event.finished()) order.push_back(delivery.event.id);
  }
  EXPECT_THAT(order, ElementsAre(2, 1));
  EXPECT_EQ(driver.tokens_of(1).size(), 17u);
}

EngineOptions with_caching() {
  EngineOptions options = small_engine();
  options.max_num_batched_tokens = 32;
  options.prefix_caching = true;
  return options;
}

// A prompt of `size` tokens that differ from those of another family.
Request prompt_like(RequestId id, std::int32_t family, std::int32_t size, std::int32_t max_tokens = 1) {
  Request request = prompt_of(id, size, max_tokens);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < tokens.size(); ++i)
    tokens[i] = 10 + static_cast<std::int32_t>(i % 20) + 20 * family;
  request.prompt = shared(std::move(tokens));
  return request;
}

TEST(PrefixCache, ASecondPromptComputesOnlyWhatTheFirstDidNot) {
  Driver driver(with_caching());
  driver.add(prompt_like(1, 0, 10));
  EXPECT_THAT(driver.step(), ElementsAre(10));
  driver.add(prompt_like(2, 0, 14));
  EXPECT_THAT(driver.step(), ElementsAre(6));  // two full blocks of 4 are there
  EXPECT_EQ(driver.deliveries.back().event.cached_tokens, 8);
  const SchedulerStats stats = driver.scheduler.stats();
  EXPECT_EQ(stats.prefix_queries, 24u);
  EXPECT_EQ(stats.prefix_hits, 8u);
  EXPECT_EQ(stats.prompt_tokens, 24u);
  EXPECT_EQ(stats.cached_prompt_tokens, 8u);
  EXPECT_EQ(stats.step_tokens, 7u);
}

TEST(PrefixCache, TheLastTokenIsAlwaysComputed) {
  Driver driver(with_caching());
  driver.add(prompt_like(1, 0, 8));
  driver.step();
  driver.add(prompt_like(2, 0, 8));
  EXPECT_THAT(driver.step(), ElementsAre(4)) << "a fully cached prompt of two blocks hits one";
}

TEST(PrefixCache, SequencesOfOneStepShareWhatItComputes) {
  Driver driver(with_caching());
  for (RequestId id = 1; id <= 3; ++id)
    driver.add(prompt_like(id, 0, 9, 3));
  EXPECT_THAT(driver.step(), ElementsAre(9, 1, 1));
  // 8 shared tokens in two blocks, and one block each.
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 5);
  driver.run();
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
}

TEST(PrefixCache, GeneratedBlocksAreFoundToo) {
  Driver driver(with_caching());
  driver.add(prompt_like(1, 0, 4, 9));
  driver.run();
  Request next = prompt_like(2, 0, 4);
  std::vector<std::int32_t> tokens = *next.prompt;
  tokens.insert(tokens.end(), 9, kWord);  // the next turn of the conversation
  next.prompt = shared(std::move(tokens));
  driver.add(std::move(next));
  EXPECT_THAT(driver.step(), ElementsAre(1)) << "12 of 13 tokens; the answer's last one was never computed";
}

TEST(PrefixCache, OtherPromptsOtherSaltsAndNoSaltShareNothing) {
  Driver driver(with_caching());
  const auto salted = [](RequestId id, std::string salt) {
    Request request = prompt_like(id, 0, 9);
    request.cache_salt = std::move(salt);
    return request;
  };
  driver.add(salted(1, "a"));
  driver.run();
  driver.add(salted(2, "b"));
  driver.add(prompt_like(3, 0, 9));
  driver.add(prompt_like(4, 1, 9));
  EXPECT_THAT(driver.step(), ElementsAre(9, 9, 9));
  driver.add(salted(5, "a"));
  EXPECT_THAT(driver.step(), ElementsAre(1));
}

TEST(PrefixCache, WhoWantsPromptLogprobsReadsNothingFromIt) {
  Driver driver(with_caching());
  driver.add(prompt_like(1, 0, 9));
  driver.run();
  Request request = prompt_like(2, 0, 9);
  request.sampling = sampling({.prompt_logprobs = 0});
  driver.add(std::move(request));
  EXPECT_THAT(driver.step(), ElementsAre(9));
  EXPECT_EQ(driver.deliveries.back().prompt_logprobs.size(), 8u);
}

TEST(PrefixCache, APreemptedSequenceFindsItsOwnBlocksAgain) {
  EngineOptions options = with_caching();
  options.kv_blocks = 8;
  Driver driver(options);
  driver.add(prompt_like(1, 0, 12, 9));
  driver.add(prompt_like(2, 1, 12, 12));
  while (driver.finish_of(1) == FinishReason::kNone)
    driver.step();
  EXPECT_EQ(driver.scheduler.stats().preemptions, 1u);
  EXPECT_THAT(driver.step(), ElementsAre(::testing::Lt(12)));
  driver.run();
  EXPECT_EQ(driver.tokens_of(2).size(), 12u);
  EXPECT_EQ(driver.scheduler.stats().prefix_queries, 24u) << "a request is looked up once";
}

// What was planned and then given up in the same step was never computed, so it must not be found.
TEST(PrefixCache, APlaceLostInAStepLeavesNothingBehindThatWasNotComputed) {
  EngineOptions options = with_caching();
  options.policy = SchedulingPolicy::kPriority;
  options.long_prefill_threshold = 8;
  options.kv_blocks = 7;
  Driver driver(options);
  driver.add(with_priority(prompt_like(1, 0, 24), 9));
  EXPECT_THAT(driver.step(), ElementsAre(8));
  driver.add(with_priority(prompt_like(2, 1, 4, 2), 0));
  EXPECT_THAT(driver.step(), ElementsAre(8, 4));
  // The first has planned its last two blocks when the second needs one of them for its second token.
  EXPECT_THAT(driver.step(), ElementsAre(1));
  EXPECT_EQ(driver.scheduler.stats().preemptions, 1u);
  EXPECT_EQ(driver.finish_of(2), FinishReason::kLength);
  EXPECT_THAT(driver.step(), ElementsAre(8)) << "16 of 24 tokens were computed";
}

TEST(PromptLogprobs, RowsAreBoundedAndNoneIsForgotten) {
  EngineOptions options = small_engine();
  options.max_num_batched_tokens = 100;
  options.max_model_len = 120;
  options.kv_blocks = 64;
  Driver driver(options);
  for (const RequestId id : {1U, 2U}) {
    Request request = prompt_of(id, 50, 2);
    request.sampling = sampling({.prompt_logprobs = 1});
    driver.add(std::move(request));
  }
  driver.add(prompt_of(3, 5, 1));
  EXPECT_THAT(driver.step(), ElementsAre(32, 5))
      << "the second waits for rows with logits, the third passes by";
  EXPECT_THAT(driver.step(), ElementsAre(18, 15));  // 17 for the first, the rest for the second
  driver.run();
  for (const RequestId id : {1U, 2U}) {
    std::size_t logprobs = 0;
    int events = 0;
    for (const Delivery& delivery : driver.deliveries) {
      if (delivery.event.id != id || delivery.prompt_logprobs.empty()) continue;
      logprobs += delivery.prompt_logprobs.size();
      ++events;
    }
    EXPECT_EQ(logprobs, 49u);
    EXPECT_EQ(events, 1);
  }
}

TEST(PromptLogprobs, WithoutChunkingTheyAreStillComputedInChunks) {
  EngineOptions options = small_engine();
  options.chunked_prefill = false;
  options.max_num_batched_tokens = 64;
  Driver driver(options);
  Request request = prompt_of(1, 50, 1);
  request.sampling = sampling({.prompt_logprobs = 1});
  driver.add(std::move(request));
  EXPECT_THAT(driver.step(), ElementsAre(32));
  EXPECT_THAT(driver.step(), ElementsAre(18));
  EXPECT_EQ(driver.deliveries.back().prompt_logprobs.size(), 49u);
}

TEST(Scheduler, WithoutChunkingAPromptWaitsForAStepWithRoomForAllOfIt) {
  EngineOptions options = small_engine();
  options.chunked_prefill = false;
  options.max_num_batched_tokens = 64;
  options.kv_blocks = 32;
  Driver driver(options);
  driver.add(prompt_of(1, 20, 3));
  driver.add(prompt_of(2, 45, 1));
  EXPECT_THAT(driver.step(), ElementsAre(20));
  EXPECT_THAT(driver.step(), ElementsAre(1, 45));
}

TEST(Scheduler, OnePromptTakesNoMoreRowsThanTheThreshold) {
  EngineOptions options = small_engine();
  options.long_prefill_threshold = 3;
  Driver driver(options);
  driver.add(prompt_of(1, 7, 1));
  driver.add(prompt_of(2, 7, 1));
  EXPECT_THAT(driver.step(), ElementsAre(3, 3));
  EXPECT_THAT(driver.step(), ElementsAre(3, 3));
  EXPECT_THAT(driver.step(), ElementsAre(1, 1));
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
  EXPECT_EQ(driver.scheduler.stats().blocks_used, 0);
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
  EXPECT_EQ(status([](Request& r) { r.prompt = shared({}); }), SubmitStatus::kEmptyPrompt);
  EXPECT_EQ(status([](Request& r) { r.prompt = nullptr; }), SubmitStatus::kEmptyPrompt);
  EXPECT_EQ(status([](Request& r) { r.prompt = shared(std::vector<std::int32_t>(64, 1)); }),
            SubmitStatus::kPromptTooLong);
  EXPECT_EQ(status([](Request& r) { r.prompt = shared({1, 2, kVocab}); }),
            SubmitStatus::kTokenOutOfVocabulary);
  EXPECT_EQ(status([](Request& r) { r.prompt = shared({1, -1}); }), SubmitStatus::kTokenOutOfVocabulary);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 0; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.min_tokens = 5; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.min_tokens = -1; }), SubmitStatus::kBadLimits);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 23; }), SubmitStatus::kAccepted);
  EXPECT_EQ(status([](Request& r) { r.max_tokens = 24; }), SubmitStatus::kNeverFits);
}

}  // namespace
}  // namespace sluice::worker
