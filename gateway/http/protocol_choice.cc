#include "gateway/http/protocol_choice.h"

#include <algorithm>
#include <utility>

#include "gateway/http/http2/session.h"

namespace sluice {

ProtocolChoice::ProtocolChoice(Transport& transport, const ServerLimits& limits) noexcept
    : transport_(transport), limits_(limits) {}

// The first byte that HTTP/2 would not have sent makes it HTTP/1.
bool ProtocolChoice::decide() noexcept {
  const std::string_view preface = http2::kPreface;
  const std::string_view begin = received_.view().substr(0, preface.size());
  if (!preface.starts_with(begin)) {
    protocol_ = Protocol::kHttp1;
  } else if (begin.size() == preface.size()) {
    protocol_ = Protocol::kHttp2;
  }
  return protocol_ != Protocol::kNone;
}

Task<void> ProtocolChoice::run() {
  TimePoint deadline = transport_.loop().now() + limits_.idle_timeout;
  for (;;) {
    const bool in_time = co_await transport_.readable(deadline);
    if (!in_time) {
      // A part of the preface: its client gets HTTP/1's 408, which says more than a close. A whole line of it
      // would be a request in a version that HTTP/1 does not know.
      received_.size = std::min(received_.size, http2::kPreface.find('\r'));
      if (received_.size != 0) protocol_ = Protocol::kHttp1;
      co_return;
    }
    BufferPool::Block& block = received_.block;
    if (!block) block = transport_.loop().buffers().acquire(BlockSize::kSmall);
    const IoResult r = transport_.try_read({block.data() + received_.size, block.size() - received_.size});
    if (r.status == IoResult::Status::kOk) {
      if (!received_.begun) {
        received_.begun = transport_.loop().now();
        deadline = *received_.begun + limits_.head_timeout;
      }
      received_.size += r.bytes;
      if (decide()) co_return;
    } else if (r.status == IoResult::Status::kWouldBlock) {
      if (received_.size == 0) block.release();
    } else {
      co_return;
    }
  }
}

ReceivedBytes ProtocolChoice::take_received() noexcept {
  return {std::move(received_.block), std::exchange(received_.size, 0), received_.begun};
}

}  // namespace sluice
