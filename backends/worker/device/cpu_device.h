#pragma once

#include <vector>

#include "backends/worker/device/cpu_kernels.h"
#include "backends/worker/device/device.h"

namespace sluice::worker {

// The processor itself, in f32, on the calling thread. Weights and activations are plain row-major arrays.
class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuKernels& kernels = best_cpu_kernels()) : kernels_(kernels) {}

  std::string name() const override;
  std::unique_ptr<Buffer> allocate(std::size_t count) override;
  std::unique_ptr<Buffer> upload(std::span<const float> values) override;
  std::unique_ptr<Matrix> upload_matrix(std::vector<float> values, std::size_t rows,
                                        std::size_t columns) override;
  void read(const Buffer& from, std::size_t offset, std::span<float> values) override;

  void embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) override;
  void gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
              Buffer& out) override;
  void rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                Buffer& out) override;
  void matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
              Buffer& out) override;
  void rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
            std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) override;
  void write_kv(const Buffer& values, std::span<const std::int32_t> slots, std::size_t columns,
                Buffer& cache) override;
  void attention(const Buffer& queries, const Buffer& keys, const Buffer& values, HeadShape shape,
                 std::int32_t block_size, std::span<const SequenceRows> sequences, Buffer& out) override;
  void silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) override;
  void add(Buffer& values, const Buffer& addend, std::size_t count) override;
  void mask(Buffer& logits, std::size_t row, std::size_t columns,
            std::span<const std::int32_t> tokens) override;
  void argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
              std::span<std::int32_t> indexes) override;

 private:
  const CpuKernels& kernels_;
  std::vector<float> scores_;  // of one query head; grows to the longest sequence
};

}  // namespace sluice::worker
