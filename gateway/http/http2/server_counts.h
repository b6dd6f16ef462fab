#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http2 {

// Why a connection was ended by the gateway, but for idleness and draining.
enum class Cut : std::uint8_t {
  kProtocolError,  // bytes that RFC 9113 forbids
  kControlFlood,   // too many frames that ask for nothing
  kResetFlood,     // too many streams that ended early
  kHeadFlood,      // a header block of too many frames or bytes
  kUnreadAnswers,  // too many of our own answers wait for a client that does not read
  kHeadTimeout,    // a preface or a head that was not completed in time
  kWriteTimeout,   // a socket that took no byte for write_timeout
};
inline constexpr std::size_t kCutCount = 7;
std::string_view name(Cut cut) noexcept;

// What happened on the HTTP/2 connections of one listener on one loop.
struct ServerCounts {
  std::uint64_t connections = 0;
  std::uint64_t streams = 0;          // requests begun
  std::uint64_t refused_streams = 0;  // REFUSED_STREAM, over max_streams or the memory for heads
  std::uint64_t client_resets = 0;    // RST_STREAM received for a stream that was open
  std::uint64_t error_resets = 0;     // RST_STREAM sent because of what the client did
  std::uint64_t write_timeouts = 0;   // streams whose client took no byte for write_timeout
  std::int64_t stalled_streams = 0;   // whose answers wait for room in the client's windows, at the moment
  std::array<std::uint64_t, kCutCount> cuts{};

  ServerCounts& operator+=(const ServerCounts& other) noexcept;
};

}  // namespace sluice::http2
