#include "filters/retry/retry_filter.h"

#include <gtest/gtest.h>

#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

class RetryFilterTest : public ::testing::Test {
 protected:
  using Script = ScriptedFilter<Call>::Script;

  Result<void> run(std::uint32_t attempts, Script script) {
    const CallChain chain =
        chain_of<Call>(std::make_unique<RetryFilter>(attempts, retries_),
                       [this, script = std::move(script)](Call& call, ResponseWriter& out) {
                         numbers_.push_back(call.attempt);
                         return script(call, out);
                       });
    Call call;
    call.request = std::make_shared<Request>();
    Child<Result<void>> run(t_.loop, chain.run(call, client_));
    t_.turn();
    EXPECT_TRUE(run.finished());
    return run.result().value();
  }
  static Task<Result<void>> failure(Retriable retriable) {
    return Result<void>(fail(ErrorKind::kUpstreamReset, "reset", retriable));
  }

  TestLoop t_;
  Metrics metrics_;
  Counter& retries_ = metrics_.counter("retries_total", "");
  RecordingWriter client_{t_.loop};
  std::vector<std::uint32_t> numbers_;
};

TEST_F(RetryFilterTest, AnAttemptThatSucceedsIsTheOnlyOne) {
  EXPECT_TRUE(run(3, [](Call&, ResponseWriter& out) { return answer_ok(out); }));
  EXPECT_EQ(numbers_, (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(retries_.value(), 0u);
}

TEST_F(RetryFilterTest, AttemptsAreBoundedAndTheLastErrorIsTold) {
  const Result<void> outcome = run(3, [](Call&, ResponseWriter&) { return failure(Retriable::kAlways); });
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUpstreamReset);
  EXPECT_EQ(numbers_, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(retries_.value(), 2u);
}

TEST_F(RetryFilterTest, OneAttemptMeansNoRetry) {
  EXPECT_FALSE(run(1, [](Call&, ResponseWriter&) { return failure(Retriable::kAlways); }));
  EXPECT_EQ(numbers_.size(), 1u);
}

TEST_F(RetryFilterTest, AnErrorThatMayNotBeRetriedIsNot) {
  EXPECT_FALSE(run(3, [](Call&, ResponseWriter&) { return failure(Retriable::kNever); }));
  EXPECT_EQ(numbers_.size(), 1u);
}

TEST_F(RetryFilterTest, NothingIsRepeatedAfterAHeadWasSent) {
  const Result<void> outcome = run(3, [](Call&, ResponseWriter& out) -> Task<Result<void>> {
    (void)co_await out.start(answer_head("text/plain"));
    co_return co_await failure(Retriable::kAlways);
  });
  EXPECT_FALSE(outcome);
  EXPECT_EQ(numbers_.size(), 1u);
}

TEST_F(RetryFilterTest, AnAttemptDoesNotSeeTheEditsOfTheOneBefore) {
  const Result<void> outcome = run(3, [](Call& call, ResponseWriter& out) {
    EXPECT_TRUE(call.splices.empty());
    call.splices.add({0, 0, "edit"});
    return call.attempt == 3 ? answer_ok(out) : failure(Retriable::kAlways);
  });
  EXPECT_TRUE(outcome);
}

TEST_F(RetryFilterTest, AnAttemptKnowsWhichEndpointsFailedBefore) {
  using Endpoints = std::vector<std::shared_ptr<const EndpointState>>;
  const auto one = std::make_shared<const EndpointState>("models", Address::tcp("one", 1));
  const auto two = std::make_shared<const EndpointState>("models", Address::tcp("two", 1));
  std::vector<Endpoints> seen;
  (void)run(3, [&](Call& call, ResponseWriter&) {
    seen.push_back(call.tried);
    call.tried.push_back(call.attempt == 1 ? one : two);
    return failure(Retriable::kAlways);
  });
  EXPECT_EQ(seen, (std::vector<Endpoints>{{}, {one}, {one, two}}));
}

TEST_F(RetryFilterTest, AStaleConnectionIsRetriedToo) {
  const Result<void> outcome = run(3, [](Call& call, ResponseWriter& out) {
    return call.attempt == 2 ? answer_ok(out) : failure(Retriable::kReused);
  });
  EXPECT_TRUE(outcome);
  EXPECT_EQ(numbers_.size(), 2u);
}

}  // namespace
}  // namespace sluice::test
