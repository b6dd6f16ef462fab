#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/stream.h"
#include "gateway/runtime/signal.h"

namespace sluice::test {

// A client that notes what it is sent. It can stall (an operation then waits for release()) or fail at its
// n-th operation, counted from 1 over start, write, flush and finish together.
class RecordingWriter final : public ResponseWriter {
 public:
  explicit RecordingWriter(Loop& loop) noexcept : room_(loop) {}

  void stall_at(std::size_t operation) noexcept { stall_at_ = operation; }
  void fail_at(std::size_t operation) noexcept { fail_at_ = operation; }
  // Lets the operation that stalls go on.
  void release() {
    stall_at_ = 0;
    room_.notify_all();
  }
  bool stalled() const noexcept { return room_.awaited(); }

  Task<Result<void>> start(ResponseHead head) override;
  Task<Result<void>> write(std::string_view bytes) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override;
  // What it has room for from now on.
  void set_room(std::size_t bytes) noexcept { bytes_of_room_ = bytes; }
  std::size_t room() const noexcept override { return bytes_of_room_; }
  bool head_sent() const noexcept override { return starts_ != 0; }
  bool content_sent() const noexcept override { return !body_.empty(); }

  std::size_t operations() const noexcept { return operations_; }
  // Operations that came after one had failed.
  std::size_t after_failure() const noexcept { return after_failure_; }
  int starts() const noexcept { return starts_; }
  int finishes() const noexcept { return finishes_; }
  const ResponseHead& head() const noexcept { return head_; }
  int status() const noexcept { return starts_ == 0 ? 0 : head_.status; }
  const std::string& body() const noexcept { return body_; }
  // The pieces as they came, so that a test sees whether writes were merged or split.
  const std::vector<std::string>& writes() const noexcept { return writes_; }
  const std::optional<Headers>& trailers() const noexcept { return trailers_; }

 private:
  Task<Result<void>> next_operation();
  void take(std::string_view bytes);

  Signal room_;
  std::size_t bytes_of_room_ = SIZE_MAX;
  std::size_t stall_at_ = 0;
  std::size_t fail_at_ = 0;
  std::size_t operations_ = 0;
  std::size_t after_failure_ = 0;
  bool failed_ = false;
  int starts_ = 0;
  int finishes_ = 0;
  ResponseHead head_;
  std::string body_;
  std::vector<std::string> writes_;
  std::optional<Headers> trailers_;
};

}  // namespace sluice::test
