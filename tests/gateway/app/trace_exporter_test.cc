#include "gateway/app/trace_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/gateway/app/exchange_fixture.h"
#include "tests/support/memory_network.h"
#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kCollector = "collector:4318";

config::Traces settings() {
  config::Traces s;
  s.otlp = "http://collector:4318";
  s.queue = 10;
  s.batch = 3;
  s.interval = 5s;
  s.timeout = 2s;
  return s;
}

class TraceExporterTest : public ::testing::Test {
 protected:
  void offer(int count) {
    for (int i = 0; i < count; ++i)
      queue_.offer(streamed_exchange());
    t_.turn();
  }
  void answer_with(const std::string& status) {
    network_.set_script(kCollector, {.pieces = {"HTTP/1.1 " + status + "\r\ncontent-length: 2\r\n\r\n{}"}});
  }
  std::uint64_t exports(const char* result) {
    return metrics_.counter("sluice_trace_exports_total", "", {{"result", result}}).value();
  }
  std::uint64_t dropped(const char* reason) {
    exporter_->sample();
    return metrics_.counter("sluice_traces_dropped_total", "", {{"reason", reason}}).value();
  }
  // In steps that let each wait begin where the one before it ended.
  void pass(Duration time) {
    for (Duration step{}; step < time; step += 100ms)
      t_.advance(100ms);
  }

  TestLoop t_;
  MemoryNetwork network_{t_.loop};
  Metrics metrics_;
  TraceQueue queue_{settings()};
  std::optional<TraceExporter> exporter_{std::in_place, t_.loop,  network_,
                                         queue_,        metrics_, trace_exporter_options(settings()).value()};
};

TEST_F(TraceExporterTest, ABatchIsSentAtOnceToTheCollectorsPath) {
  offer(3);
  const auto collector = network_.take(kCollector);
  ASSERT_TRUE(collector);
  EXPECT_THAT(collector->received(), StartsWith("POST /v1/traces HTTP/1.1\r\nhost: collector:4318\r\n"));
  EXPECT_THAT(collector->received(), HasSubstr("content-type: application/json\r\n"));
  EXPECT_THAT(collector->received(), HasSubstr("\r\n\r\n{\"resourceSpans\":["));
  collector->send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
  t_.turn();
  EXPECT_EQ(exports("ok"), 1u);
  EXPECT_TRUE(collector->closed_by_gateway());
}

TEST_F(TraceExporterTest, LessThanABatchIsSentAfterTheInterval) {
  answer_with("200 OK");
  offer(1);
  pass(4s);
  EXPECT_EQ(network_.requests(kCollector), 0u);
  pass(1100ms);
  EXPECT_EQ(network_.requests(kCollector), 1u);
  EXPECT_EQ(exports("ok"), 1u);
  pass(20s);
  EXPECT_EQ(network_.requests(kCollector), 1u) << "nothing is sent when there is nothing to send";
}

TEST_F(TraceExporterTest, AnOverloadedCollectorIsAskedAgainLaterEachTimeAndThenTheTracesAreDropped) {
  answer_with("503 Service Unavailable");
  offer(3);
  EXPECT_EQ(network_.requests(kCollector), 1u);
  pass(400ms);
  EXPECT_EQ(network_.requests(kCollector), 1u) << "a wait is half of its length at least";
  pass(700ms);
  EXPECT_EQ(network_.requests(kCollector), 2u);
  pass(7s);
  EXPECT_EQ(network_.requests(kCollector), 4u);
  EXPECT_EQ(exports("unavailable"), 4u);
  EXPECT_EQ(dropped("unavailable"), 3u);
  pass(60s);
  EXPECT_EQ(network_.requests(kCollector), 4u);
}

TEST_F(TraceExporterTest, ACollectorThatComesBackGetsWhatWasRetried) {
  network_.set_mode(kCollector, MemoryNetwork::Mode::kRefuse);
  answer_with("200 OK");
  offer(3);
  EXPECT_EQ(exports("failed"), 1u);
  network_.set_mode(kCollector, MemoryNetwork::Mode::kAccept);
  pass(2s);
  EXPECT_EQ(exports("ok"), 1u);
  EXPECT_EQ(dropped("unavailable"), 0u);
}

TEST_F(TraceExporterTest, ARefusalIsNotRepeated) {
  answer_with("400 Bad Request");
  offer(3);
  pass(60s);
  EXPECT_EQ(network_.requests(kCollector), 1u);
  EXPECT_EQ(exports("refused"), 1u);
  EXPECT_EQ(dropped("refused"), 3u);
}

TEST_F(TraceExporterTest, ACollectorThatStaysSilentOrDripsIsGivenUpAfterTheTimeout) {
  offer(3);
  const auto collector = network_.take(kCollector);
  ASSERT_TRUE(collector);
  for (int i = 0; i < 18; ++i) {
    collector->send(i == 0 ? "HTTP/1.1 200 OK\r\nx: " : "x");
    t_.advance(100ms);
  }
  EXPECT_EQ(exports("failed"), 0u);
  pass(300ms);
  EXPECT_EQ(exports("failed"), 1u);
  EXPECT_TRUE(collector->closed_by_gateway());
}

TEST_F(TraceExporterTest, WhileTheCollectorIsAwayTheQueueFillsUpAndTheRestIsCounted) {
  network_.set_mode(kCollector, MemoryNetwork::Mode::kHold);
  offer(3);
  offer(20);
  EXPECT_EQ(queue_.size(), 10u);
  EXPECT_EQ(dropped("queue_full"), 10u);
}

TEST_F(TraceExporterTest, AFlushSendsWhatIsQueuedAndEndsWithIt) {
  answer_with("200 OK");
  offer(1);
  TaskGroup tasks;
  tasks.spawn(exporter_->flush(t_.loop.now() + 1s));
  t_.turn();
  EXPECT_EQ(tasks.size(), 0u);
  EXPECT_EQ(exports("ok"), 1u);
}

TEST_F(TraceExporterTest, AFlushWaitsForADeadCollectorNoLongerThanItsDeadline) {
  network_.set_mode(kCollector, MemoryNetwork::Mode::kHold);
  offer(1);
  TaskGroup tasks;
  tasks.spawn(exporter_->flush(t_.loop.now() + 1s));
  t_.turn();
  EXPECT_EQ(tasks.size(), 1u);
  t_.advance(1s + TimerWheel::kTick);
  EXPECT_EQ(tasks.size(), 0u);
}

TEST_F(TraceExporterTest, AnExporterThatIsGoneIsToldNothing) {
  exporter_.reset();
  offer(3);
  EXPECT_EQ(network_.connects(kCollector), 0u);
}

TEST(TraceExporterOptionsTest, TheCollectorsAddressMayHaveAPath) {
  config::Traces s;
  s.otlp = "http://[::1]:4318/tenant/v1/traces";
  const Result<TraceExporterOptions> options = trace_exporter_options(s);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->collector, Address::tcp("::1", 4318));
  EXPECT_EQ(options->authority, "[::1]:4318");
  EXPECT_EQ(options->path, "/tenant/v1/traces");
  s.otlp = "http://no-port";
  EXPECT_FALSE(trace_exporter_options(s));
}

}  // namespace
}  // namespace sluice::test
