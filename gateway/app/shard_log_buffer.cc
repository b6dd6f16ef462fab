#include "gateway/app/shard_log_buffer.h"

#include <utility>

namespace sluice {

ShardLogBuffer::ShardLogBuffer(Loop& loop, BatchSink& sink)
    : loop_(loop),
      sink_(sink),
      timer_([](void* self) { static_cast<ShardLogBuffer*>(self)->flush(); }, this) {
  lines_.reserve(kMaxBytes);
}

void ShardLogBuffer::write(std::string_view line) noexcept {
  if (count_ > 0 && (lines_.size() + 1 + line.size() > kMaxBytes || count_ == kMaxLines)) flush();
  if (line.size() > kMaxBytes) {
    sink_.write(line);
    return;
  }
  if (count_ == 0) {
    loop_.arm(timer_, loop_.now() + kMaxDelay);
  } else {
    lines_ += '\n';
  }
  lines_ += line;
  ++count_;
}

void ShardLogBuffer::flush() noexcept {
  timer_.disarm();
  if (count_ == 0) return;
  sink_.write_batch(lines_, std::exchange(count_, 0));
  lines_.clear();
}

}  // namespace sluice
