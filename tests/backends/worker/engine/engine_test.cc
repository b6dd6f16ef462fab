#include "backends/worker/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/backends/worker/engine/manual_clock.h"
#include "tests/backends/worker/engine/recording_sink.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;

// Each step must be allowed by the test; every output's token is its sequence's position.
class SteppedRunner final : public ModelRunner {
 public:
  class Steps {
   public:
    void allow(int steps) {
      const std::lock_guard lock(mutex_);
      allowed_ += steps;
      changed_.notify_all();
    }
    void fail_next() {
      const std::lock_guard lock(mutex_);
      failing_ = true;
      ++allowed_;
      changed_.notify_all();
    }
    void take() {
      std::unique_lock lock(mutex_);
      ++begun_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return allowed_ > 0; });
      --allowed_;
      if (failing_) throw std::runtime_error("the device is gone");
    }
    void wait_until_begun(int steps) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return begun_ >= steps; });
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int allowed_ = 0;
    int begun_ = 0;
    bool failing_ = false;
  };

  explicit SteppedRunner(Steps& steps) : steps_(steps) {}
  std::int32_t vocab_size() const override { return 1000; }
  void run(const Batch& batch) override {
    steps_.take();
    positions_.clear();
    for (const std::int32_t row : batch.outputs)
      positions_.push_back(batch.positions[static_cast<std::size_t>(row)]);
  }
  void most_probable(std::span<std::int32_t> tokens) override {
    std::ranges::copy(positions_, tokens.begin());
  }
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override { return {}; }

 private:
  Steps& steps_;
  std::vector<std::int32_t> positions_;
};

EngineOptions options() {
  EngineOptions options;
  options.max_num_seqs = 2;
  options.max_num_batched_tokens = 16;
  options.max_model_len = 500;
  options.max_queued = 3;
  options.kv_blocks = 64;
  return options;
}

class EngineTest : public ::testing::Test {
 protected:
  void start(const EngineOptions& engine_options = options()) {
    engine_ = std::make_unique<Engine>(std::make_unique<SteppedRunner>(steps_), engine_options, clock_);
  }

  Request request(std::int32_t prompt, std::int32_t max_tokens) {
    Request request;
    request.id = engine_->new_id();
    request.prompt = std::make_shared<const std::vector<std::int32_t>>(static_cast<std::size_t>(prompt), 9);
    request.max_tokens = max_tokens;
    request.sink = sink_;
    return request;
  }

  // Submits and returns the id.
  RequestId submit(std::int32_t prompt, std::int32_t max_tokens) {
    Request submitted = request(prompt, max_tokens);
    const RequestId id = submitted.id;
    EXPECT_EQ(engine_->submit({std::move(submitted)}), SubmitStatus::kAccepted);
    return id;
  }

  SteppedRunner::Steps steps_;
  ManualClock clock_;
  std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
  std::unique_ptr<Engine> engine_;  // ends first: its thread uses all above
};

class ColdModel final : public ModelRunner {
 public:
  void warm_up(const EngineOptions&) override { throw std::runtime_error("it stays cold"); }
  std::int32_t vocab_size() const override { return 1; }
  void run(const Batch&) override {}
  void most_probable(std::span<std::int32_t>) override {}
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override { return {}; }
};

TEST_F(EngineTest, AModelThatCannotBeWarmedUpMakesNoEngine) {
  EXPECT_THROW(Engine(std::make_unique<ColdModel>(), options(), clock_), std::runtime_error);
}

TEST_F(EngineTest, TokensArriveInOrderAndTheAnswerFinishesOnce) {
  start();
  const RequestId id = submit(3, 4);
  steps_.allow(4);
  const auto answer = sink_->wait(id);
  EXPECT_THAT(answer.tokens, ElementsAre(2, 3, 4, 5));
  EXPECT_EQ(answer.finish, FinishReason::kLength);
  EXPECT_EQ(answer.finishing_events, 1);
  EXPECT_EQ(answer.events_after_finish, 0);
}

TEST_F(EngineTest, WhoHearsOfTheEndFindsTheRequestGoneFromTheGauges) {
  start();
  const RequestId id = submit(3, 2);
  steps_.wait_until_begun(1);
  steps_.allow(1);
  steps_.wait_until_begun(2);
  EngineStats stats = engine_->stats();
  EXPECT_EQ(stats.scheduler.running, 1);
  EXPECT_EQ(stats.scheduler.waiting, 0);
  EXPECT_EQ(stats.kv_used_tokens, 16);
  EXPECT_EQ(stats.kv_capacity_tokens, 64 * 16);
  EXPECT_EQ(stats.scheduler.prompt_tokens, 3u);
  EXPECT_EQ(stats.scheduler.generated_tokens, 1u);
  steps_.allow(1);
  sink_->wait(id);
  stats = engine_->stats();
  EXPECT_EQ(stats.scheduler.running, 0);
  EXPECT_EQ(stats.kv_used_tokens, 0);
  EXPECT_EQ(stats.reached_length, 1u);
  EXPECT_EQ(stats.steps, 2u);
}

TEST_F(EngineTest, AnAbortTakesEffectAtTheNextStepAndFreesTheCache) {
  start();
  const RequestId id = submit(3, 100);
  steps_.allow(2);
  sink_->wait_for_tokens(id, 2);
  steps_.wait_until_begun(3);
  engine_->abort(id);
  steps_.allow(1);
  const auto answer = sink_->wait(id);
  EXPECT_THAT(answer.tokens, ElementsAre(2, 3, 4));
  EXPECT_EQ(answer.finish, FinishReason::kAborted);
  const EngineStats stats = engine_->stats();
  EXPECT_EQ(stats.scheduler.running, 0);
  EXPECT_EQ(stats.kv_used_tokens, 0);
  EXPECT_EQ(stats.aborted, 1u);
}

TEST_F(EngineTest, AnAbortFromAnyThreadReachesWaitingRequestsToo) {
  start();
  std::vector<RequestId> ids{submit(3, 100)};
  steps_.wait_until_begun(1);
  for (int i = 0; i < 3; ++i)
    ids.push_back(submit(3, 100));
  std::vector<std::thread> threads;
  for (const RequestId id : ids)
    threads.emplace_back([this, id] { engine_->abort(id); });
  for (std::thread& thread : threads)
    thread.join();
  steps_.allow(1);
  for (const RequestId id : ids)
    EXPECT_EQ(sink_->wait(id).finish, FinishReason::kAborted);
  EXPECT_EQ(engine_->stats().scheduler.running, 0);
  EXPECT_EQ(engine_->stats().scheduler.waiting, 0);
}

TEST_F(EngineTest, AbortingWhatIsNotThereDoesNothing) {
  start();
  engine_->abort(12345);
  const RequestId id = submit(1, 1);
  steps_.allow(1);
  EXPECT_EQ(sink_->wait(id).finish, FinishReason::kLength);
  engine_->abort(id);
  engine_->stop();
  EXPECT_EQ(sink_->wait(id).finishing_events, 1);
}

TEST_F(EngineTest, AFullQueueRefusesAndRecovers) {
  start();
  std::vector<RequestId> ids{submit(3, 1), submit(3, 1)};
  steps_.wait_until_begun(1);  // one or both run; the rest waits
  while (engine_->stats().scheduler.waiting < options().max_queued)
    ids.push_back(submit(3, 1));
  Request refused = request(3, 1);
  const RequestId refused_id = refused.id;
  EXPECT_EQ(engine_->submit({std::move(refused)}), SubmitStatus::kQueueFull);
  steps_.allow(100);
  for (const RequestId id : ids)
    EXPECT_EQ(sink_->wait(id).finish, FinishReason::kLength);
  EXPECT_EQ(sink_->requests_heard_of(), ids.size());
  EXPECT_EQ(sink_->wait(submit(3, 1)).finish, FinishReason::kLength);
  EXPECT_LT(ids.back(), refused_id);
}

TEST_F(EngineTest, RequestsThatBelongTogetherAreTakenAllOrNone) {
  start();
  const RequestId running = submit(3, 2);
  steps_.wait_until_begun(1);
  std::vector<Request> four;
  for (int i = 0; i < 4; ++i)
    four.push_back(request(3, 1));
  EXPECT_EQ(engine_->submit(std::move(four)), SubmitStatus::kQueueFull);
  EXPECT_EQ(engine_->stats().scheduler.waiting, 0);
  std::vector<Request> with_a_bad_one;
  with_a_bad_one.push_back(request(3, 1));
  with_a_bad_one.push_back(request(0, 1));
  EXPECT_EQ(engine_->submit(std::move(with_a_bad_one)), SubmitStatus::kEmptyPrompt);
  std::vector<Request> three;
  for (int i = 0; i < 3; ++i)
    three.push_back(request(3, 1));
  const RequestId last = three.back().id;
  EXPECT_EQ(engine_->submit(std::move(three)), SubmitStatus::kAccepted);
  steps_.allow(100);
  EXPECT_EQ(sink_->wait(running).finish, FinishReason::kLength);
  EXPECT_EQ(sink_->wait(last).finish, FinishReason::kLength);
  engine_->stop();
  EXPECT_EQ(sink_->requests_heard_of(), 4u);
}

TEST_F(EngineTest, StepsAreCountedByTheirTokens) {
  start();
  const RequestId id = submit(10, 3);
  steps_.allow(3);
  sink_->wait(id);
  const StepSizes& sizes = engine_->stats().step_sizes;
  EXPECT_EQ(sizes.tokens, 13u);   // 10 rows of the prompt and its first token, then one token each
  EXPECT_EQ(sizes.steps[0], 2u);  // at most 1
  EXPECT_EQ(sizes.steps[1], 0u);
  EXPECT_EQ(sizes.steps[2], 1u);  // 9 to 16
}

TEST_F(EngineTest, AClosedEngineFinishesWhatItHasAndTakesNothingNew) {
  start();
  const RequestId id = submit(3, 2);
  engine_->close();
  EXPECT_EQ(engine_->submit({request(3, 2)}), SubmitStatus::kStopped);
  steps_.allow(2);
  EXPECT_EQ(sink_->wait(id).finish, FinishReason::kLength);
}

TEST_F(EngineTest, StoppingFinishesEveryRequestBeforeItReturns) {
  start();
  std::vector<RequestId> ids{submit(3, 100), submit(3, 100), submit(3, 100)};
  steps_.wait_until_begun(1);
  std::thread stopper([this] { engine_->stop(); });
  // Only once the engine has been told may the step end, or it would go on to one that nobody allows.
  while (engine_->submit({request(3, 2)}) != SubmitStatus::kStopped)
    std::this_thread::yield();
  steps_.allow(1);
  stopper.join();
  for (const RequestId id : ids)
    EXPECT_EQ(sink_->wait(id).finish, FinishReason::kAborted);
  EXPECT_EQ(engine_->submit({request(3, 2)}), SubmitStatus::kStopped);
}

TEST_F(EngineTest, AFailedStepFinishesEveryRequestWithAnErrorAndTheEngineIsUnhealthy) {
  start();
  std::vector<RequestId> ids{submit(3, 100), submit(3, 100), submit(3, 100)};
  EXPECT_TRUE(engine_->healthy());
  steps_.wait_until_begun(1);
  steps_.fail_next();
  for (const RequestId id : ids)
    EXPECT_EQ(sink_->wait(id).finish, FinishReason::kError);
  EXPECT_FALSE(engine_->healthy());
  EXPECT_EQ(engine_->submit({request(3, 2)}), SubmitStatus::kStopped);
  EXPECT_EQ(engine_->stats().failed, 3u);
  EXPECT_EQ(engine_->stats().kv_used_tokens, 0);
}

TEST_F(EngineTest, AStepLastsAtLeastTheStepInterval) {
  EngineOptions paced = options();
  paced.step_interval = std::chrono::milliseconds(40);
  start(paced);
  const RequestId id = submit(3, 3);
  steps_.allow(3);
  sink_->wait(id);
  engine_->stop();
  EXPECT_THAT(clock_.slept(), ::testing::Each(std::chrono::milliseconds(40)));
  EXPECT_EQ(clock_.slept().size(), 3u);
}

TEST_F(EngineTest, OptionsThatContradictEachOtherAreRefused) {
  const auto refused = [&](void (*change)(EngineOptions&)) {
    EngineOptions bad = options();
    change(bad);
    EXPECT_THROW(start(bad), std::invalid_argument);
  };
  refused([](EngineOptions& o) { o.max_num_batched_tokens = 1; });
  refused([](EngineOptions& o) { o.chunked_prefill = false; });
  refused([](EngineOptions& o) { o.max_num_seqs = 0; });
  refused([](EngineOptions& o) { o.max_model_len = 1; });
  refused([](EngineOptions& o) { o.max_queued = 0; });
  refused([](EngineOptions& o) { o.block_size = 0; });
  refused([](EngineOptions& o) { o.kv_blocks = 0; });
  refused([](EngineOptions& o) { o.kv_blocks = 1 << 30; });
}

}  // namespace
}  // namespace sluice::worker
