#include "backends/worker/engine/faulty_runner.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/backends/worker/engine/manual_clock.h"

namespace sluice::worker {
namespace {

class CountedModel final : public ModelRunner {
 public:
  explicit CountedModel(int& steps) : steps_(steps) {}
  std::int32_t vocab_size() const override { return 9; }
  void run(const Batch&) override { ++steps_; }
  void most_probable(std::span<std::int32_t>) override {}
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override { return {}; }

 private:
  int& steps_;
};

class FaultyRunnerTest : public ::testing::Test {
 protected:
  FaultyRunner make(const EngineFaults& faults) {
    return {std::make_unique<CountedModel>(steps_), faults, clock_, gate_};
  }
  // A step with so many tokens picked.
  static Batch step(std::size_t tokens) {
    Batch batch;
    batch.outputs.resize(tokens);
    return batch;
  }

  int steps_ = 0;
  ManualClock clock_;
  std::shared_ptr<FreezeGate> gate_ = std::make_shared<FreezeGate>();
};

TEST_F(FaultyRunnerTest, ASlowStepTakesLonger) {
  FaultyRunner runner = make({.slow = std::chrono::milliseconds(30)});
  runner.run(step(1));
  runner.run(step(1));
  EXPECT_EQ(clock_.now(), TimePoint{} + std::chrono::milliseconds(60));
  EXPECT_EQ(steps_, 2);
}

TEST_F(FaultyRunnerTest, AFailureComesAfterSoManyTokens) {
  FaultyRunner runner = make({.fail_after = 3});
  runner.run(step(2));
  runner.run(step(2));
  EXPECT_THROW(runner.run(step(1)), std::runtime_error);
  EXPECT_EQ(steps_, 2);
}

TEST_F(FaultyRunnerTest, AFrozenStepEndsOnlyOnceTheGateIsOpened) {
  FaultyRunner runner = make({.freeze_after = 1});
  runner.run(step(1));
  std::thread engine([&] { runner.run(step(1)); });
  gate_->open();
  engine.join();
  EXPECT_EQ(steps_, 2);
}

TEST_F(FaultyRunnerTest, AProcessThatIsToDieSaysNothing) {
  EXPECT_EXIT(make({.die_after = 0}).run(step(1)), ::testing::ExitedWithCode(137), "^$");
}

TEST_F(FaultyRunnerTest, WithoutFaultsNothingIsDifferent) {
  EXPECT_FALSE(EngineFaults{}.any());
  FaultyRunner runner = make({});
  runner.run(step(1));
  EXPECT_EQ(clock_.now(), TimePoint{});
  EXPECT_EQ(runner.vocab_size(), 9);
}

}  // namespace
}  // namespace sluice::worker
