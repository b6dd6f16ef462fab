#pragma once

#include <memory>
#include <string>

#include "backends/worker/device/device.h"

namespace sluice::worker {

// A device that, while told so, computes nothing but the matrix products: what a step costs without the rest.
class ProductsOnly final : public Device {
 public:
  explicit ProductsOnly(Device& device) : device_(device) {}

  void only_products(bool only) { only_ = only; }

  std::string name() const override { return device_.name(); }
  Precision precision() const override { return device_.precision(); }
  std::unique_ptr<Buffer> allocate(std::size_t count) override { return device_.allocate(count); }
  std::unique_ptr<Buffer> upload(std::span<const float> values) override { return device_.upload(values); }
  std::unique_ptr<Matrix> upload_matrix(std::size_t rows, std::size_t columns, MatrixUse use,
                                        const RowSource& source) override {
    return device_.upload_matrix(rows, columns, use, source);
  }
  std::unique_ptr<KvBlocks> allocate_kv(const KvShape& shape) override { return device_.allocate_kv(shape); }
  void read(const Buffer& from, std::size_t offset, std::span<float> values) override {
    device_.read(from, offset, values);
  }
  const float* host_view(const Buffer& buffer) override { return device_.host_view(buffer); }

  void matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
              Buffer& out) override {
    device_.matmul(in, rows, weight, bias, out);
  }

  void embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) override;
  void gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
              Buffer& out) override;
  void rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                Buffer& out) override;
  void rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
            std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) override;
  void write_kv(const Buffer& keys, const Buffer& values, std::span<const std::int32_t> slots,
                KvBlocks& cache) override;
  void attention(const Buffer& queries, std::int32_t heads, const KvBlocks& cache,
                 std::span<const SequenceRows> sequences, Buffer& out) override;
  void silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) override;
  void add(Buffer& values, const Buffer& addend, std::size_t count) override;
  void argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
              std::span<std::int32_t> indexes) override;

 private:
  Device& device_;
  bool only_ = false;
};

}  // namespace sluice::worker
