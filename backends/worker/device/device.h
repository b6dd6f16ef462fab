#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace sluice::worker {

// What weights and cached keys and values are stored in. Activations and sums are f32 with either.
enum class Precision { kFloat32, kBfloat16 };

// f32 values in a device's memory. The pointer may be dereferenced on that device only.
class Buffer {
 public:
  virtual ~Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  float* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 protected:
  Buffer(float* data, std::size_t size) : data_(data), size_(size) {}

 private:
  float* data_;
  std::size_t size_;
};

// A weight matrix [rows, columns] in whatever type and layout its device multiplies fastest; opaque to all
// others.
class Matrix {
 public:
  virtual ~Matrix() = default;
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  std::size_t rows() const noexcept { return rows_; }
  std::size_t columns() const noexcept { return columns_; }

 protected:
  Matrix(std::size_t rows, std::size_t columns) : rows_(rows), columns_(columns) {}

 private:
  std::size_t rows_;
  std::size_t columns_;
};

// What a matrix is for: some layouts that multiply fast cannot be read row by row, so that a table used for
// both is kept twice there.
enum class MatrixUse { kProducts, kLookups, kBoth };

// The values of a matrix in row-major order: each call fills `values`, whole rows, with those that follow.
// May throw, which ends the loading.
using RowSource = std::function<void(std::span<float> values)>;

// Sizes of one layer's cache. Token slots come in blocks: slot s is the place s % block_size of block s /
// block_size.
struct KvShape {
  std::int32_t blocks = 0;
  std::int32_t block_size = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;
};

// Keys and values of one layer for all slots, in the device's own type and layout.
class KvBlocks {
 public:
  virtual ~KvBlocks() = default;
  KvBlocks(const KvBlocks&) = delete;
  KvBlocks& operator=(const KvBlocks&) = delete;

  const KvShape& shape() const noexcept { return shape_; }

 protected:
  explicit KvBlocks(const KvShape& shape) : shape_(shape) {}

 private:
  KvShape shape_;
};

// The rows of a batch that belong to one sequence: `rows` tokens from `first_row` on, standing at positions
// `first_position`, +1, … of the sequence. Position p is cached in slot blocks[p / block_size] * block_size +
// p % block_size.
struct SequenceRows {
  std::int32_t first_row = 0;
  std::int32_t rows = 0;
  std::int32_t first_position = 0;
  std::span<const std::int32_t> blocks;
};

// What a forward pass needs of the hardware. One implementation per kind of device.
//
// Matrices of activations are row-major, one row per token. All calls are made by one thread at a time, in
// order; a device may run them asynchronously or on threads of its own as long as `read`, `host_view` and
// `argmax` see their results. Loading calls throw std::bad_alloc; the others never allocate beyond what
// earlier calls of the same size did. Callers guarantee that sizes agree: no call checks them again.
//
// A row's result depends on that row's inputs only, never on which other rows are in the batch: a request's
// answer must not change with the company it is computed in. With kFloat32 that holds to the bit on every
// device; with kBfloat16 unless a device says otherwise.
class Device {
 public:
  virtual ~Device() = default;

  // For the operator: the kind, and what it computes with.
  virtual std::string name() const = 0;
  virtual Precision precision() const = 0;

  // Loading.

  // Zeroed memory for `count` values.
  virtual std::unique_ptr<Buffer> allocate(std::size_t count) = 0;
  virtual std::unique_ptr<Buffer> upload(std::span<const float> values) = 0;
  // Takes the values in pieces of at most kUploadPiece values, or one row if that is more, so that no second
  // copy of the whole exists beyond what the device's own conversion needs.
  virtual std::unique_ptr<Matrix> upload_matrix(std::size_t rows, std::size_t columns, MatrixUse use,
                                                const RowSource& source) = 0;
  static constexpr std::size_t kUploadPiece = std::size_t{1} << 20;
  // Zeroed, and costs memory only as far as it is filled where the system can do so.
  virtual std::unique_ptr<KvBlocks> allocate_kv(const KvShape& shape) = 0;

  // Results.

  // Copies values[i] = from[offset + i] to the host.
  virtual void read(const Buffer& from, std::size_t offset, std::span<float> values) = 0;
  // The values themselves where the host can read them in place, all earlier calls done; nullptr elsewhere.
  // Valid until the next call that writes the buffer.
  virtual const float* host_view(const Buffer& /*buffer*/) { return nullptr; }

  // Computing.

  // out[i] = table[tokens[i]]
  virtual void embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) = 0;
  // out[i] = in[rows[i]], rows of `columns` values
  virtual void gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
                      Buffer& out) = 0;
  // out = in / sqrt(mean(in²) + epsilon) * weight, for each of `rows` rows of weight.size() values; out may
  // be in
  virtual void rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                        Buffer& out) = 0;
  // out[rows, weight.rows()] = in[rows, weight.columns()] · weightᵀ (+ bias, if there is one)
  virtual void matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
                      Buffer& out) = 0;
  // Rotates the pairs (i, i + head_dim/2) of each head by its row's position; cosines and sines are
  // [positions, head_dim/2].
  virtual void rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
                    std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) = 0;
  // Puts row i of keys and of values, [kv_heads, head_dim] each, into slot slots[i].
  virtual void write_kv(const Buffer& keys, const Buffer& values, std::span<const std::int32_t> slots,
                        KvBlocks& cache) = 0;
  // Causal attention of each row, [heads, head_dim], over its sequence's cache, its own position included;
  // scale 1/sqrt(head_dim). Query head h reads key/value head h / (heads / kv_heads).
  virtual void attention(const Buffer& queries, std::int32_t heads, const KvBlocks& cache,
                         std::span<const SequenceRows> sequences, Buffer& out) = 0;
  // out = gate / (1 + exp(-gate)) * up, for `count` values; out may be gate
  virtual void silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) = 0;
  // values += addend
  virtual void add(Buffer& values, const Buffer& addend, std::size_t count) = 0;
  // The index of each row's largest value, the lowest of equals.
  virtual void argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
                      std::span<std::int32_t> indexes) = 0;
};

}  // namespace sluice::worker
