#include "gateway/app/trace_queue.h"

#include <gtest/gtest.h>

#include "tests/gateway/app/exchange_fixture.h"

namespace sluice::test {
namespace {

using namespace std::chrono_literals;

config::Traces settings() {
  config::Traces s;
  s.queue = 5;
  s.batch = 2;
  s.slow = 10s;
  return s;
}

TEST(TraceQueueTest, TakesWhatIsSampledAndWhatWasSlowAndNothingElse) {
  TraceQueue queue(settings());
  ExchangeRecord r = streamed_exchange();
  r.sampled = false;
  queue.offer(r);
  EXPECT_EQ(queue.size(), 0u);
  r.ended_at = r.received_at + 10s;
  queue.offer(r);
  EXPECT_EQ(queue.size(), 1u);
  queue.offer(streamed_exchange());
  EXPECT_EQ(queue.size(), 2u);
  r.trace_id.clear();  // a request that was refused before it was one
  queue.offer(r);
  EXPECT_EQ(queue.size(), 2u);
}

TEST(TraceQueueTest, HandsOutTheOldestFirstABatchAtMost) {
  TraceQueue queue(settings());
  for (std::uint64_t id = 1; id <= 3; ++id) {
    ExchangeRecord r = streamed_exchange();
    r.span_id = id;
    queue.offer(r);
  }
  const std::vector<ExchangeTrace> first = queue.take();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0].span_id, 1u);
  EXPECT_EQ(first[1].span_id, 2u);
  EXPECT_EQ(queue.take().size(), 1u);
  EXPECT_TRUE(queue.take().empty());
}

TEST(TraceQueueTest, AFullQueueDropsTheNewestAndCountsThem) {
  TraceQueue queue(settings());
  for (int i = 0; i < 8; ++i)
    queue.offer(streamed_exchange());
  EXPECT_EQ(queue.size(), 5u);
  EXPECT_EQ(queue.dropped(), 3u);
  (void)queue.take();
  queue.offer(streamed_exchange());
  EXPECT_EQ(queue.dropped(), 3u);
}

TEST(TraceQueueTest, TellsOnceWhenThereIsABatch) {
  TraceQueue queue(settings());
  int told = 0;
  queue.on_batch([&] { ++told; });
  queue.offer(streamed_exchange());
  EXPECT_EQ(told, 0);
  queue.offer(streamed_exchange());
  queue.offer(streamed_exchange());
  EXPECT_EQ(told, 1);
  EXPECT_TRUE(queue.has_batch());
}

}  // namespace
}  // namespace sluice::test
