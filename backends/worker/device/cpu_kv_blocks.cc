#include "backends/worker/device/cpu_kv_blocks.h"

#include <type_traits>

#include "backends/worker/device/bfloat16.h"

namespace sluice::worker {
namespace {

std::size_t size(std::int32_t number) {
  return static_cast<std::size_t>(number);
}

std::size_t bytes_of(Precision precision) {
  return precision == Precision::kFloat32 ? sizeof(float) : sizeof(std::uint16_t);
}

}  // namespace

CpuKvBlocks::CpuKvBlocks(const KvShape& shape, Precision precision)
    : KvBlocks(shape),
      precision_(precision),
      key_head_(size(shape.head_dim) * size(shape.block_size)),
      value_head_(padded_head_dim(size(shape.head_dim)) * size(shape.block_size)),
      keys_(size(shape.blocks) * size(shape.kv_heads) * key_head_ * bytes_of(precision)),
      values_(size(shape.blocks) * size(shape.kv_heads) * value_head_ * bytes_of(precision)) {}

void CpuKvBlocks::write(std::size_t slot, const float* keys, const float* values) {
  if (precision_ == Precision::kFloat32) {
    write_as<float>(slot, keys, values);
  } else {
    write_as<std::uint16_t>(slot, keys, values);
  }
}

template <typename Value>
void CpuKvBlocks::write_as(std::size_t slot, const float* keys, const float* values) {
  const auto stored = [](float value) {
    if constexpr (std::is_same_v<Value, float>) {
      return value;
    } else {
      return to_bfloat16(value);
    }
  };
  const std::size_t block_size = size(shape().block_size);
  const std::size_t heads = size(shape().kv_heads);
  const std::size_t head_dim = size(shape().head_dim);
  const std::size_t block = slot / block_size;
  const std::size_t place = slot % block_size;
  for (std::size_t head = 0; head < heads; ++head, keys += head_dim, values += head_dim) {
    Value* key = static_cast<Value*>(keys_.data()) + (block * heads + head) * key_head_ + place;
    Value* value = static_cast<Value*>(values_.data()) + (block * heads + head) * value_head_ +
                   place * padded_head_dim(head_dim);
    for (std::size_t i = 0; i < head_dim; ++i) {
      key[i * block_size] = stored(keys[i]);
      value[i] = stored(values[i]);
    }
  }
}

void CpuKvBlocks::aim(AttentionTile& tile, std::size_t head) const {
  tile.keys = static_cast<const char*>(keys_.data()) + head * key_head_ * bytes_of(precision_);
  tile.values = static_cast<const char*>(values_.data()) + head * value_head_ * bytes_of(precision_);
  tile.key_block = size(shape().kv_heads) * key_head_;
  tile.value_block = size(shape().kv_heads) * value_head_;
  tile.block_size = size(shape().block_size);
  tile.head_dim = size(shape().head_dim);
}

}  // namespace sluice::worker
