#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/worker/device/cpu_kernels.h"
#include "backends/worker/device/cpu_memory.h"
#include "backends/worker/device/device.h"

namespace sluice::worker {

// One layer's cached keys and values in the layout of cpu_kernels.h, f32 or bf16.
class CpuKvBlocks final : public KvBlocks {
 public:
  // Throws std::bad_alloc.
  CpuKvBlocks(const KvShape& shape, Precision precision);

  Precision precision() const noexcept { return precision_; }

  // Puts one token's keys and values, [kv_heads, head_dim] each, into a slot.
  void write(std::size_t slot, const float* keys, const float* values);

  // Points a tile at a head's keys and values.
  void aim(AttentionTile& tile, std::size_t head) const;

 private:
  template <typename Value>
  void write_as(std::size_t slot, const float* keys, const float* values);

  const Precision precision_;
  // Values between heads of a block, of keys and of values.
  const std::size_t key_head_;
  const std::size_t value_head_;
  CpuMemory keys_;
  CpuMemory values_;
};

}  // namespace sluice::worker
