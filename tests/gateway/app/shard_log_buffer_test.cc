#include "gateway/app/shard_log_buffer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class Batches final : public BatchSink {
 public:
  void write(std::string_view line) noexcept override { write_batch(line, 1); }
  void write_batch(std::string_view lines, std::size_t count) noexcept override {
    batches.emplace_back(lines, count);
  }
  std::vector<std::pair<std::string, std::size_t>> batches;
};

class ShardLogBufferTest : public ::testing::Test {
 protected:
  void after(Duration time) {
    time_.advance(time);
    loop_.expire();
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  Batches sink_;
  std::optional<ShardLogBuffer> buffer_{std::in_place, loop_, sink_};
};

TEST_F(ShardLogBufferTest, HandsLinesOverTogetherAfterTheDelayOfTheFirst) {
  buffer_->write("one");
  after(ShardLogBuffer::kMaxDelay / 2);
  buffer_->write("two");
  EXPECT_THAT(sink_.batches, IsEmpty());
  after(ShardLogBuffer::kMaxDelay / 2 + TimerWheel::kTick);
  EXPECT_THAT(sink_.batches, ElementsAre(Pair("one\ntwo", 2)));
}

TEST_F(ShardLogBufferTest, StartsTheDelayAnewWithTheNextLine) {
  buffer_->write("one");
  after(ShardLogBuffer::kMaxDelay + TimerWheel::kTick);
  after(ShardLogBuffer::kMaxDelay * 10);
  buffer_->write("two");
  after(ShardLogBuffer::kMaxDelay + TimerWheel::kTick);
  EXPECT_THAT(sink_.batches, ElementsAre(Pair("one", 1), Pair("two", 1)));
}

TEST_F(ShardLogBufferTest, HandsLinesOverWhenDestroyed) {
  buffer_->write("one");
  buffer_.reset();
  EXPECT_THAT(sink_.batches, ElementsAre(Pair("one", 1)));
}

TEST_F(ShardLogBufferTest, HandsLinesOverWhenTheNextDoesNotFit) {
  const std::string big(ShardLogBuffer::kMaxBytes - 4, 'x');
  buffer_->write(big);
  buffer_->write("abc");
  EXPECT_THAT(sink_.batches, IsEmpty());
  buffer_->write("d");
  EXPECT_THAT(sink_.batches, ElementsAre(Pair(big + "\nabc", 2)));
}

TEST_F(ShardLogBufferTest, HandsLinesOverWhenThereAreTooMany) {
  for (std::size_t i = 0; i < ShardLogBuffer::kMaxLines; ++i)
    buffer_->write("");
  EXPECT_THAT(sink_.batches, IsEmpty());
  buffer_->write("last");
  buffer_->flush();
  EXPECT_THAT(sink_.batches,
              ElementsAre(Pair(std::string(ShardLogBuffer::kMaxLines - 1, '\n'), ShardLogBuffer::kMaxLines),
                          Pair("last", 1)));
}

TEST_F(ShardLogBufferTest, KeepsTheOrderAroundALineLongerThanItself) {
  const std::string big(ShardLogBuffer::kMaxBytes + 1, 'x');
  buffer_->write("before");
  buffer_->write(big);
  buffer_->write("after");
  buffer_->flush();
  EXPECT_THAT(sink_.batches, ElementsAre(Pair("before", 1), Pair(big, 1), Pair("after", 1)));
}

}  // namespace
}  // namespace sluice
