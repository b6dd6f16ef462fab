#include "backends/worker/device/cpu_device.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "backends/worker/device/cpu_kv_blocks.h"
#include "backends/worker/device/cpu_matrix.h"
#include "backends/worker/device/onednn.h"
#include "backends/worker/device/packed_matrix.h"

namespace sluice::worker {
namespace {

// What a thread must have to do for waking it to be worth the while: some ten microseconds.
constexpr std::size_t kWorthAThread = 32'768;  // values

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(std::size_t count)
      : CpuBuffer(std::make_unique<CpuMemory>(count * sizeof(float)), count) {}

 private:
  CpuBuffer(std::unique_ptr<CpuMemory> memory, std::size_t count)
      : Buffer(static_cast<float*>(memory->data()), count), memory_(std::move(memory)) {}

  std::unique_ptr<CpuMemory> memory_;
};

const CpuMatrix& own(const Matrix& matrix) {
  return static_cast<const CpuMatrix&>(matrix);
}

std::size_t size(std::int32_t number) {
  return static_cast<std::size_t>(number);
}

void copy_row(const float* from, std::size_t from_row, float* to, std::size_t to_row, std::size_t columns) {
  std::memcpy(to + to_row * columns, from + from_row * columns, columns * sizeof(float));
}

Products chosen(const CpuOptions& options) {
  if (options.products == Products::kOneDnn && !onednn_can_run(options.precision)) {
    throw std::invalid_argument("oneDNN is not part of this build, or cannot run on this processor");
  }
  if (options.products != Products::kAuto) return options.products;
  return onednn_gains(options.precision) ? Products::kOneDnn : Products::kOwn;
}

}  // namespace

CpuDevice::CpuDevice(const CpuOptions& options)
    : kernels_(options.kernels != nullptr ? *options.kernels : best_cpu_kernels()),
      precision_(options.precision),
      products_(chosen(options)),
      team_(std::max<std::size_t>(1, options.threads), options.pin) {
  if (products_ == Products::kOneDnn) onednn_ = std::make_unique<OneDnn>(team_.threads());
}

CpuDevice::~CpuDevice() = default;

std::string CpuDevice::name() const {
  return std::string("cpu (") + kernels_.level + (products_ == Products::kOneDnn ? " and oneDNN, " : ", ") +
         (precision_ == Precision::kFloat32 ? "float32, " : "bfloat16, ") + std::to_string(team_.threads()) +
         (team_.threads() == 1 ? " thread)" : " threads)");
}

std::unique_ptr<Buffer> CpuDevice::allocate(std::size_t count) {
  return std::make_unique<CpuBuffer>(count);
}

std::unique_ptr<Buffer> CpuDevice::upload(std::span<const float> values) {
  auto buffer = std::make_unique<CpuBuffer>(values.size());
  std::copy(values.begin(), values.end(), buffer->data());
  return buffer;
}

std::unique_ptr<Matrix> CpuDevice::upload_matrix(std::size_t rows, std::size_t columns, MatrixUse use,
                                                 const RowSource& source) {
  if (onednn_ != nullptr && use != MatrixUse::kLookups)
    return onednn_->pack(precision_, rows, columns, use, source);
  return std::make_unique<PackedMatrix>(kernels_, precision_, rows, columns, source);
}

std::unique_ptr<KvBlocks> CpuDevice::allocate_kv(const KvShape& shape) {
  return std::make_unique<CpuKvBlocks>(shape, precision_);
}

void CpuDevice::read(const Buffer& from, std::size_t offset, std::span<float> values) {
  std::copy_n(from.data() + offset, values.size(), values.begin());
}

template <typename Body>
void CpuDevice::for_rows(std::size_t rows, std::size_t columns, const Body& body) {
  const std::size_t worth = rows * columns / kWorthAThread;
  const std::size_t parts = std::max<std::size_t>(1, std::min({rows, team_.threads(), worth}));
  team_.run(parts, [&](std::size_t part) {
    const std::size_t first = rows * part / parts;
    body(first, rows * (part + 1) / parts - first);
  });
}

void CpuDevice::embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) {
  // Every step begins here; loading, which may be another thread's, does not come by.
  if (!caller_pinned_) {
    team_.pin_caller();
    caller_pinned_ = true;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i)
    own(table).look_up(size(tokens[i]), out.data() + i * table.columns());
}

void CpuDevice::gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
                       Buffer& out) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    copy_row(in.data(), size(rows[i]), out.data(), i, columns);
}

void CpuDevice::rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                         Buffer& out) {
  const std::size_t columns = weight.size();
  for_rows(rows, columns, [&](std::size_t first, std::size_t count) {
    kernels_.rms_norm(in.data() + first * columns, count, columns, weight.data(), epsilon,
                      out.data() + first * columns);
  });
}

void CpuDevice::matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
                       Buffer& out) {
  if (rows == 0) return;
  own(weight).multiply(in.data(), rows, bias != nullptr ? bias->data() : nullptr, out.data(), team_);
}

void CpuDevice::rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
                     std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) {
  const std::size_t half = size(head_dim) / 2;
  const std::size_t columns = size(heads) * size(head_dim);
  for_rows(positions.size(), columns, [&](std::size_t first, std::size_t count) {
    for (std::size_t row = first; row < first + count; ++row) {
      const std::size_t angle = size(positions[row]) * half;
      kernels_.rope(values.data() + row * columns, size(heads), size(head_dim), cosines.data() + angle,
                    sines.data() + angle);
    }
  });
}

void CpuDevice::write_kv(const Buffer& keys, const Buffer& values, std::span<const std::int32_t> slots,
                         KvBlocks& cache) {
  auto& blocks = static_cast<CpuKvBlocks&>(cache);
  const std::size_t columns = size(cache.shape().kv_heads) * size(cache.shape().head_dim);
  for (std::size_t i = 0; i < slots.size(); ++i)
    blocks.write(size(slots[i]), keys.data() + i * columns, values.data() + i * columns);
}

void CpuDevice::plan_tiles(std::span<const SequenceRows> sequences, std::size_t group, std::size_t kv_heads) {
  tiles_.clear();
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const std::size_t queries = size(sequences[s].rows) * group;
    for (std::size_t head = 0; head < kv_heads; ++head) {
      for (std::size_t first = 0; first < queries; first += kMostQueries)
        tiles_.push_back({s, head, first, std::min(kMostQueries, queries - first)});
    }
  }
}

void CpuDevice::attention(const Buffer& queries, std::int32_t heads, const KvBlocks& cache,
                          std::span<const SequenceRows> sequences, Buffer& out) {
  const auto& blocks = static_cast<const CpuKvBlocks&>(cache);
  const std::size_t head_dim = size(cache.shape().head_dim);
  const std::size_t kv_heads = size(cache.shape().kv_heads);
  const std::size_t group = size(heads) / kv_heads;
  if (scratch_head_dim_ < head_dim) {
    scratch_.clear();
    for (std::size_t i = 0; i < team_.threads(); ++i)
      scratch_.push_back(std::make_unique<CpuMemory>(attention_scratch(head_dim) * sizeof(float)));
    scratch_head_dim_ = head_dim;
  }
  plan_tiles(sequences, group, kv_heads);
  const auto kernel =
      blocks.precision() == Precision::kFloat32 ? kernels_.attention_f32 : kernels_.attention_bf16;
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_dim));
  std::size_t work = 0;
  for (const SequenceRows& sequence : sequences) {
    work += size(sequence.rows) * size(heads) * head_dim * size(sequence.first_position + sequence.rows);
  }
  const std::size_t threads = work < kWorthAThread * kMostQueries ? 1 : team_.threads();
  std::atomic<std::size_t> next{0};
  team_.run(std::min(threads, tiles_.size()), [&](std::size_t part) {
    AttentionTile tile;
    tile.scratch = static_cast<float*>(scratch_[part]->data());
    tile.scale = scale;
    for (std::size_t t = next.fetch_add(1, std::memory_order_relaxed); t < tiles_.size();
         t = next.fetch_add(1, std::memory_order_relaxed)) {
      const TileTask& task = tiles_[t];
      const SequenceRows& sequence = sequences[task.sequence];
      blocks.aim(tile, task.kv_head);
      tile.blocks = sequence.blocks.data();
      tile.count = task.count;
      for (std::size_t i = 0; i < task.count; ++i) {
        const std::size_t row = (task.first + i) / group;
        const std::size_t head = task.kv_head * group + (task.first + i) % group;
        const std::size_t place = ((size(sequence.first_row) + row) * size(heads) + head) * head_dim;
        tile.queries[i] = queries.data() + place;
        tile.outs[i] = out.data() + place;
        tile.lengths[i] = sequence.first_position + static_cast<std::int32_t>(row) + 1;
      }
      kernel(tile);
    }
  });
}

void CpuDevice::silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) {
  // In pieces of whole vectors, so that no value's place decides how it is computed.
  constexpr std::size_t kPiece = 4096;
  for_rows((count + kPiece - 1) / kPiece, kPiece, [&](std::size_t first, std::size_t pieces) {
    const std::size_t begin = first * kPiece;
    kernels_.silu_mul(gate.data() + begin, up.data() + begin, std::min(pieces * kPiece, count - begin),
                      out.data() + begin);
  });
}

void CpuDevice::add(Buffer& values, const Buffer& addend, std::size_t count) {
  kernels_.add(values.data(), addend.data(), count);
}

void CpuDevice::argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
                       std::span<std::int32_t> indexes) {
  for (std::size_t row = 0; row < rows; ++row) {
    indexes[row] = static_cast<std::int32_t>(kernels_.argmax(logits.data() + row * columns, columns));
  }
}

}  // namespace sluice::worker
