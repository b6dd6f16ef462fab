#pragma once

#include <cstdint>

namespace sluice {

// Decides which of the traces that begin here are exported: a share of them, by the trace's id, so that every
// service with the same share decides alike. The last 56 bits of the id are the random number
// (OpenTelemetry's probability sampling, W3C Trace Context level 2). Threads: any.
class TraceSampler {
 public:
  TraceSampler() = default;  // samples none
  explicit TraceSampler(std::uint32_t per_million) noexcept
      : threshold_(
            static_cast<std::uint64_t>((static_cast<unsigned __int128>(kRange) *
                                        (kMillion - (per_million < kMillion ? per_million : kMillion))) /
                                       kMillion)) {}

  // `trace_id_end`: the last 8 bytes of the trace id.
  bool samples(std::uint64_t trace_id_end) const noexcept {
    return (trace_id_end & (kRange - 1)) >= threshold_;
  }

 private:
  static constexpr std::uint64_t kRange = std::uint64_t{1} << 56;
  static constexpr std::uint32_t kMillion = 1'000'000;

  std::uint64_t threshold_ = kRange;
};

}  // namespace sluice
