#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::http2 {

// How the last streams of a connection ended: the session forgets them, and whether a late frame for one is
// an error depends on who closed it (RFC 9113 5.1). Of older ones nothing is known. Four bytes of memory for
// each that it can remember, taken when the first is closed. Threads: one.
class ClosedStreams {
 public:
  enum class How : std::uint8_t {
    kUnknown,
    kByClient,  // which said that nothing follows: a frame after that is a mistake
    kByUs,      // frames that were under way may still arrive
  };

  // What is remembered at least.
  static constexpr std::size_t kMinCount = 256;

  // `max_streams`: what a client can have open at a time. Twice as many are remembered, so that those of one
  // burst and those that were refused beside them all are.
  explicit ClosedStreams(std::size_t max_streams) noexcept : count_(std::max(kMinCount, 2 * max_streams)) {}

  void add(std::int32_t stream_id, How how);
  How find(std::int32_t stream_id) const noexcept;

 private:
  std::size_t count_;
  std::vector<std::uint32_t> ring_;  // identifier and, in bit 31, whether we closed it
  std::size_t next_ = 0;
};

}  // namespace sluice::http2
