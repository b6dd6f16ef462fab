#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/backends/worker/engine/scheduler_driver.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Request pooled(RequestId id, std::int32_t size, Pooling pooling) {
  Request request = prompt_of(id, size);
  request.pooling = pooling;
  request.max_tokens = 0;
  return request;
}

TEST(SchedulerPooling, TakesTheLastTokensStateOrTheMeanOfAllWhateverTheChunks) {
  Driver driver;
  driver.add(pooled(1, 21, Pooling::kLast));
  driver.add(pooled(2, 21, Pooling::kMean));
  driver.run();
  EXPECT_THAT(driver.embedding_of(1), ElementsAre(20, 1));
  EXPECT_THAT(driver.embedding_of(2), ElementsAre(10, 1));
  EXPECT_EQ(driver.states_computed, 22u);
  EXPECT_THAT(driver.tokens_of(1), IsEmpty());
  EXPECT_EQ(driver.finish_of(1), FinishReason::kStop);
  EXPECT_EQ(driver.deliveries.size(), 2u);
  const SchedulerStats stats = driver.scheduler.stats();
  EXPECT_EQ(stats.prompt_tokens, 42u);
  EXPECT_EQ(stats.generated_tokens, 0u);
  EXPECT_EQ(stats.blocks_used, 0);
}

TEST(SchedulerPooling, ThePromptMayFillTheContextAndTheCache) {
  EngineOptions options = small_engine();
  const Scheduler roomy(options, kVocab);
  EXPECT_EQ(roomy.check(pooled(1, 64, Pooling::kMean)), SubmitStatus::kAccepted);
  EXPECT_EQ(roomy.check(pooled(1, 65, Pooling::kMean)), SubmitStatus::kPromptTooLong);
  EXPECT_EQ(roomy.check(prompt_of(1, 64)), SubmitStatus::kPromptTooLong);
  options.kv_blocks = 4;
  EXPECT_EQ(Scheduler(options, kVocab).check(pooled(1, 16, Pooling::kLast)), SubmitStatus::kAccepted);
  EXPECT_EQ(Scheduler(options, kVocab).check(pooled(1, 17, Pooling::kLast)), SubmitStatus::kNeverFits);
}

TEST(SchedulerPooling, TheLastStateIsFoundBehindACachedPrefixAndTheMeanReadsNone) {
  EngineOptions options = small_engine();
  options.prefix_caching = true;
  Driver driver(options);
  driver.add(prompt_of(1, 21));
  driver.run();
  const std::uint64_t queries = driver.scheduler.stats().prefix_queries;
  driver.add(pooled(2, 21, Pooling::kLast));
  EXPECT_THAT(driver.step(), ElementsAre(1));
  EXPECT_THAT(driver.embedding_of(2), ElementsAre(20, 1));
  EXPECT_EQ(driver.deliveries.back().event.cached_tokens, 20);
  driver.add(pooled(3, 21, Pooling::kMean));
  driver.run();
  EXPECT_THAT(driver.embedding_of(3), ElementsAre(10, 1));
  EXPECT_EQ(driver.deliveries.back().event.cached_tokens, 0);
  EXPECT_EQ(driver.scheduler.stats().prefix_queries, queries + 21);
}

TEST(SchedulerPooling, APreemptedPromptIsPooledOnce) {
  EngineOptions options = small_engine();
  options.kv_blocks = 8;
  options.long_prefill_threshold = 2;
  Driver driver(options);
  driver.add(prompt_of(1, 4, 26));
  driver.step();
  driver.step();
  driver.add(pooled(2, 22, Pooling::kMean));
  // The answer grows into the blocks that the prompt still needs, and the prompt begins anew behind it.
  while (driver.scheduler.stats().preemptions == 0)
    driver.step();
  EXPECT_GT(driver.states_computed, 0u);
  EXPECT_LT(driver.states_computed, 22u);
  driver.run();
  EXPECT_THAT(driver.embedding_of(2), ElementsAre(10.5F, 1));
  EXPECT_EQ(driver.states_computed, 22u);
}

}  // namespace
}  // namespace sluice::worker
