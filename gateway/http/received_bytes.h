#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "gateway/runtime/buffer_pool.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// The first bytes of a connection, read to find out its protocol and handed to the codec that speaks it.
struct ReceivedBytes {
  BufferPool::Block block = {};
  std::size_t size = 0;
  std::optional<TimePoint> begun = {};  // when the first of them came, from which head_timeout counts

  std::string_view view() const noexcept { return {block.data(), size}; }
};

}  // namespace sluice
