#include "backends/worker/device/cpu_device.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace sluice::worker {
namespace {

// calloc leaves untouched pages unmapped: a cache sized for the worst day costs memory only as far as it was
// filled.
class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(std::size_t count) : Buffer(zeroed(count), count) {}
  ~CpuBuffer() override { std::free(data()); }

 private:
  static float* zeroed(std::size_t count) {
    void* memory = std::calloc(std::max<std::size_t>(count, 1), sizeof(float));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<float*>(memory);
  }
};

class CpuMatrix final : public Matrix {
 public:
  CpuMatrix(std::vector<float> values, std::size_t rows, std::size_t columns)
      : Matrix(rows, columns), values_(std::move(values)) {}

  const float* data() const noexcept { return values_.data(); }

 private:
  std::vector<float> values_;
};

const float* weights_of(const Matrix& matrix) {
  return static_cast<const CpuMatrix&>(matrix).data();
}

void copy_row(const float* from, std::size_t from_row, float* to, std::size_t to_row, std::size_t columns) {
  std::memcpy(to + to_row * columns, from + from_row * columns, columns * sizeof(float));
}

}  // namespace

std::string CpuDevice::name() const {
  return std::string("cpu (") + kernels_.level + ")";
}

std::unique_ptr<Buffer> CpuDevice::allocate(std::size_t count) {
  return std::make_unique<CpuBuffer>(count);
}

std::unique_ptr<Buffer> CpuDevice::upload(std::span<const float> values) {
  auto buffer = std::make_unique<CpuBuffer>(values.size());
  std::copy(values.begin(), values.end(), buffer->data());
  return buffer;
}

std::unique_ptr<Matrix> CpuDevice::upload_matrix(std::vector<float> values, std::size_t rows,
                                                 std::size_t columns) {
  return std::make_unique<CpuMatrix>(std::move(values), rows, columns);
}

void CpuDevice::read(const Buffer& from, std::size_t offset, std::span<float> values) {
  std::memcpy(values.data(), from.data() + offset, values.size_bytes());
}

void CpuDevice::embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    copy_row(weights_of(table), static_cast<std::size_t>(tokens[i]), out.data(), i, table.columns());
  }
}

void CpuDevice::gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
                       Buffer& out) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    copy_row(in.data(), static_cast<std::size_t>(rows[i]), out.data(), i, columns);
  }
}

void CpuDevice::rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                         Buffer& out) {
  kernels_.rms_norm(in.data(), rows, weight.size(), weight.data(), epsilon, out.data());
}

void CpuDevice::matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
                       Buffer& out) {
  kernels_.matmul(in.data(), rows, weights_of(weight), weight.columns(), weight.rows(),
                  bias != nullptr ? bias->data() : nullptr, out.data());
}

void CpuDevice::rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
                     std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) {
  const auto half = static_cast<std::size_t>(head_dim / 2);
  float* head = values.data();
  for (const std::int32_t position : positions) {
    const float* cosine = cosines.data() + static_cast<std::size_t>(position) * half;
    const float* sine = sines.data() + static_cast<std::size_t>(position) * half;
    for (std::int32_t h = 0; h < heads; ++h, head += 2 * half) {
      for (std::size_t i = 0; i < half; ++i) {
        const float first = head[i];
        const float second = head[i + half];
        head[i] = first * cosine[i] - second * sine[i];
        head[i + half] = second * cosine[i] + first * sine[i];
      }
    }
  }
}

void CpuDevice::write_kv(const Buffer& values, std::span<const std::int32_t> slots, std::size_t columns,
                         Buffer& cache) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    copy_row(values.data(), i, cache.data(), static_cast<std::size_t>(slots[i]), columns);
  }
}

void CpuDevice::attention(const Buffer& queries, const Buffer& keys, const Buffer& values, HeadShape shape,
                          std::int32_t block_size, std::span<const SequenceRows> sequences, Buffer& out) {
  const auto head_dim = static_cast<std::size_t>(shape.head_dim);
  const std::size_t row_size = static_cast<std::size_t>(shape.heads) * head_dim;
  const std::int32_t group = shape.heads / shape.kv_heads;
  AttentionHead head{};
  head.block_size = block_size;
  head.slot_stride = static_cast<std::size_t>(shape.kv_heads) * head_dim;
  head.head_dim = head_dim;
  head.scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  for (const SequenceRows& sequence : sequences) {
    const auto longest = static_cast<std::size_t>(sequence.first_position + sequence.rows);
    if (scores_.size() < longest) scores_.resize(longest);
    head.blocks = sequence.blocks.data();
    head.scores = scores_.data();
    for (std::int32_t row = 0; row < sequence.rows; ++row) {
      const std::size_t row_begin = static_cast<std::size_t>(sequence.first_row + row) * row_size;
      head.positions = sequence.first_position + row + 1;
      for (std::int32_t h = 0; h < shape.heads; ++h) {
        const std::size_t kv_begin = static_cast<std::size_t>(h / group) * head_dim;
        head.query = queries.data() + row_begin + static_cast<std::size_t>(h) * head_dim;
        head.keys = keys.data() + kv_begin;
        head.values = values.data() + kv_begin;
        head.out = out.data() + row_begin + static_cast<std::size_t>(h) * head_dim;
        kernels_.attention_head(head);
      }
    }
  }
}

void CpuDevice::silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) {
  kernels_.silu_mul(gate.data(), up.data(), count, out.data());
}

void CpuDevice::add(Buffer& values, const Buffer& addend, std::size_t count) {
  float* to = values.data();
  const float* from = addend.data();
  for (std::size_t i = 0; i < count; ++i)
    to[i] += from[i];
}

void CpuDevice::mask(Buffer& logits, std::size_t row, std::size_t columns,
                     std::span<const std::int32_t> tokens) {
  for (const std::int32_t token : tokens) {
    logits.data()[row * columns + static_cast<std::size_t>(token)] = -std::numeric_limits<float>::infinity();
  }
}

void CpuDevice::argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
                       std::span<std::int32_t> indexes) {
  for (std::size_t row = 0; row < rows; ++row) {
    const float* begin = logits.data() + row * columns;
    indexes[row] = static_cast<std::int32_t>(std::max_element(begin, begin + columns) - begin);
  }
}

}  // namespace sluice::worker
