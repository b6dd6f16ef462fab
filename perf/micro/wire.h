#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "gateway/net/transport.h"

namespace sluice::micro {

// A connection without a socket: takes whatever is written to it, and has for a reader what it is fed.
class Wire final : public Transport {
 public:
  using Transport::Transport;

  // Whoever waits for bytes runs, up to its next wait. They are borrowed until they have been read.
  void feed(std::string_view bytes) {
    incoming_ = bytes;
    ready(Direction::kRead);
  }

  IoResult try_read(std::span<char> into) noexcept override {
    if (incoming_.empty()) return {IoResult::Status::kWouldBlock};
    const std::size_t size = incoming_.copy(into.data(), into.size());
    incoming_.remove_prefix(size);
    return {IoResult::Status::kOk, size};
  }
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override {
    std::size_t size = 0;
    for (std::string_view piece : pieces) {
      benchmark::DoNotOptimize(piece);
      size += piece.size();
    }
    return {IoResult::Status::kOk, size};
  }
  void shutdown_write() noexcept override {}
  void close() noexcept override {}
  void reset() noexcept override {}
  bool may_have_more() const noexcept override { return !incoming_.empty(); }
  const std::string& peer() const noexcept override { return peer_; }

 private:
  void arm(Direction) override {}

  std::string_view incoming_;
  std::string peer_ = "10.1.2.3:40000";
};

}  // namespace sluice::micro
