#include "gateway/http/http2/frame_sender.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "gateway/base/free_memory.h"

namespace sluice::http2 {
namespace {

constexpr std::size_t kFrameHeaderBytes = 9;
// A frame smaller than this for want of room in the block is not worth its header.
constexpr std::size_t kMinDataBytes = 1024;

}  // namespace

FrameSender::FrameSender(Transport& transport, nghttp2_session& session, Duration stall_limit,
                         Owner& owner) noexcept
    : transport_(transport),
      loop_(transport.loop()),
      session_(session),
      stall_limit_(stall_limit),
      owner_(owner),
      turn_end_([](void* self) { static_cast<FrameSender*>(self)->flush(); }, this),
      stall_([](void* self) { static_cast<FrameSender*>(self)->fail(true); }, this),
      progress_(loop_) {}

FrameSender::~FrameSender() {
  stop();
}

void FrameSender::stop() noexcept {
  stopped_ = true;
  stall_.disarm();
  if (blocked_) transport_.listen(Direction::kWrite, nullptr);
  blocked_ = false;
  block_.release();
  free_memory(overflow_);
  begin_ = end_ = overflow_begin_ = 0;
}

bool FrameSender::done() const noexcept {
  return stopped_ || (unsent() == 0 && nghttp2_session_want_write(&session_) == 0);
}

std::size_t FrameSender::room_for_data(std::size_t wanted) const noexcept {
  const std::size_t left = room();
  if (left <= kFrameHeaderBytes || !overflow_.empty()) return 0;
  if (end_ != 0 && left < std::min(wanted, kMinDataBytes) + kFrameHeaderBytes) return 0;
  return std::min(wanted, left - kFrameHeaderBytes);
}

void FrameSender::append(std::string_view bytes) {
  const std::size_t fits = overflow_.empty() ? std::min(room(), bytes.size()) : 0;
  if (fits != 0) std::memcpy(block_.data() + end_, bytes.data(), fits);
  end_ += fits;
  overflow_.append(bytes.substr(fits));
}

void FrameSender::put(std::string_view bytes) {
  if (!block_) block_ = loop_.buffers().acquire(BlockSize::kLarge);
  append(bytes);
  schedule();
}

void FrameSender::flush() {
  if (stopped_ || blocked_) return;
  fill();
  if (stopped_) return;
  write();
  if (stopped_) return;
  owner_.on_flushed();
  if (!stopped_ && more_ && !blocked_) schedule();
}

void FrameSender::collect() {
  if (stopped_ || blocked_ || nghttp2_session_want_write(&session_) == 0) return;
  fill();
  if (!stopped_) schedule();
}

void FrameSender::fill() {
  more_ = false;
  if (!block_) {
    if (nghttp2_session_want_write(&session_) == 0) return;
    block_ = loop_.buffers().acquire(BlockSize::kLarge);
    begin_ = end_ = 0;
  }
  while (overflow_.empty() && room() > kFrameHeaderBytes) {
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(&session_, &frame);
    if (size < 0) return fail(false);  // out of memory, or a callback that failed
    if (size == 0) {
      // It has nothing more, or its next frame waits for room in the next write.
      more_ = end_ != 0 && room_for_data(SIZE_MAX) == 0;
      return;
    }
    append({reinterpret_cast<const char*>(frame), static_cast<std::size_t>(size)});
  }
  more_ = true;
}

void FrameSender::write() {
  if (unsent() != 0) {
    const std::string_view pieces[] = {{block_.data() + begin_, end_ - begin_},
                                       std::string_view(overflow_).substr(overflow_begin_)};
    const bool gathered = !pieces[1].empty();
    const std::span<const std::string_view> all(pieces);
    const IoResult r = transport_.try_write(begin_ == end_ ? all.subspan(1) : all.first(gathered ? 2 : 1));
    if (r.status == IoResult::Status::kBroken) return fail(false);
    if (r.bytes != 0) stall_.disarm();
    sent(r.bytes);
  }
  blocked_ = unsent() != 0;
  if (blocked_) {
    if (!stall_.armed()) loop_.arm(stall_, loop_.now() + stall_limit_);
    transport_.listen(Direction::kWrite, this);
    return;
  }
  block_.release();
  free_memory(overflow_);
  begin_ = end_ = overflow_begin_ = 0;
  progress_.notify_all();
}

void FrameSender::sent(std::size_t bytes) noexcept {
  const std::size_t of_block = std::min(bytes, end_ - begin_);
  begin_ += of_block;
  overflow_begin_ += bytes - of_block;
}

void FrameSender::on_ready() {
  if (stopped_) return;
  blocked_ = false;
  write();
  // The session's next frames join what other handlers of this turn produce.
  if (!stopped_ && !blocked_) schedule();
}

void FrameSender::fail(bool stalled) {
  stop();
  progress_.notify_all();
  owner_.on_send_failed(stalled);
}

}  // namespace sluice::http2
