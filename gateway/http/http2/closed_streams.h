#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace sluice::http2 {

// How the last streams of a connection ended: the session forgets them, and whether a late frame for one is
// an error depends on who closed it (RFC 9113 5.1). Of older ones nothing is known.
class ClosedStreams {
 public:
  enum class How : std::uint8_t {
    kUnknown,
    kByClient,  // which said that nothing follows: a frame after that is a mistake
    kByUs,      // frames that were under way may still arrive
  };

  void add(std::int32_t stream_id, How how);
  How find(std::int32_t stream_id) const noexcept;

 private:
  // More than the streams that a client can have open, so that those of one burst are all remembered.
  static constexpr std::size_t kCount = 256;

  std::unique_ptr<std::array<std::uint32_t, kCount>>
      ring_;  // identifier and, in bit 31, whether we closed it
  std::size_t next_ = 0;
};

}  // namespace sluice::http2
