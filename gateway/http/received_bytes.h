#pragma once

#include <cstddef>
#include <string_view>

#include "gateway/runtime/buffer_pool.h"

namespace sluice {

// The first bytes of a connection, read to find out its protocol and handed to the codec that speaks it.
struct ReceivedBytes {
  BufferPool::Block block = {};
  std::size_t size = 0;

  std::string_view view() const noexcept { return {block.data(), size}; }
};

}  // namespace sluice
