#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/http/stream.h"
#include "gateway/runtime/signal.h"

namespace sluice::test {

// A client's body in pieces of the test's choice. It can stall before a piece until release(), and end in an
// error instead of a last piece.
class ScriptedBody final : public BodyReader {
 public:
  ScriptedBody(Loop& loop, std::vector<std::string> pieces, bool announce_length = true)
      : arrived_(loop), pieces_(std::move(pieces)), announce_length_(announce_length) {}

  // `piece` counts from 0; the number of pieces stands for the end.
  void stall_before(std::size_t piece) noexcept { stall_before_ = piece; }
  void release() {
    stall_before_ = SIZE_MAX;
    arrived_.notify_all();
  }
  void end_with(Error error) { error_ = std::move(error); }
  bool stalled() const noexcept { return arrived_.awaited(); }
  int reads() const noexcept { return reads_; }

  Task<Result<BodyPiece>> read() override {
    ++reads_;
    if (next_ == stall_before_) co_await arrived_.wait();
    if (next_ < pieces_.size()) {
      const std::string& piece = pieces_[next_++];
      co_return BodyPiece{piece, next_ == pieces_.size() && !error_};
    }
    if (error_) co_return fail(*error_);
    co_return BodyPiece{{}, true};
  }
  std::optional<std::uint64_t> length() const noexcept override {
    if (!announce_length_) return std::nullopt;
    std::uint64_t total = 0;
    for (const std::string& piece : pieces_)
      total += piece.size();
    return total;
  }
  std::uint64_t limit() const noexcept override { return limit_; }
  void set_limit(std::uint64_t max_bytes) noexcept override { limit_ = max_bytes; }

 private:
  Signal arrived_;
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
  std::size_t stall_before_ = SIZE_MAX;
  std::optional<Error> error_;
  bool announce_length_;
  int reads_ = 0;
  std::uint64_t limit_ = UINT64_MAX;
};

}  // namespace sluice::test
