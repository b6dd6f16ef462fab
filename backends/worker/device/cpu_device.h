#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_kernels.h"
#include "backends/worker/device/cpu_memory.h"
#include "backends/worker/device/device.h"
#include "backends/worker/device/onednn.h"
#include "backends/worker/device/thread_team.h"

namespace sluice::worker {

// What multiplies matrices. kAuto: oneDNN where it has instructions that our kernels do not use (AMX, with
// bfloat16), our kernels otherwise.
enum class Products { kAuto, kOwn, kOneDnn };

struct CpuOptions {
  Precision precision = Precision::kFloat32;
  std::size_t threads = 1;  // in all; those besides the caller's wait in the kernel between pieces of work
  bool pin = false;         // each thread on a processor of its own (ThreadTeam)
  Products products = Products::kAuto;
  const CpuKernels* kernels = nullptr;  // the processor's best if nullptr
};

// The processor itself.
//
// A row's result is the same to the bit in every batch and with any number of threads: each value is the work
// of one thread, in one order of additions. The exception is oneDNN's products, whose order is oneDNN's
// (onednn.h).
class CpuDevice final : public Device {
 public:
  // Throws std::invalid_argument if products by oneDNN are asked for and cannot be had, std::system_error if
  // a thread cannot be started.
  explicit CpuDevice(const CpuOptions& options = {});
  ~CpuDevice() override;

  std::string name() const override;
  Precision precision() const override { return precision_; }
  // What kAuto came to.
  Products products() const noexcept { return products_; }

  std::unique_ptr<Buffer> allocate(std::size_t count) override;
  std::unique_ptr<Buffer> upload(std::span<const float> values) override;
  std::unique_ptr<Matrix> upload_matrix(std::size_t rows, std::size_t columns, MatrixUse use,
                                        const RowSource& source) override;
  std::unique_ptr<KvBlocks> allocate_kv(const KvShape& shape) override;
  void read(const Buffer& from, std::size_t offset, std::span<float> values) override;
  const float* host_view(const Buffer& buffer) override { return buffer.data(); }

  void embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) override;
  void gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
              Buffer& out) override;
  void rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                Buffer& out) override;
  void matmul(const Buffer& in, std::size_t rows, const Matrix& weight, const Buffer* bias,
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
  // The queries of one tile: `count` of a sequence's rows × heads of one key/value head, from `first` on.
  struct TileTask {
    std::size_t sequence;
    std::size_t kv_head;
    std::size_t first;
    std::size_t count;
  };

  // Calls body(first, count) for all of `rows` rows, in pieces on several threads if that is worth it.
  template <typename Body>
  void for_rows(std::size_t rows, std::size_t columns, const Body& body);
  void plan_tiles(std::span<const SequenceRows> sequences, std::size_t group, std::size_t kv_heads);

  const CpuKernels& kernels_;
  const Precision precision_;
  const Products products_;
  ThreadTeam team_;
  std::unique_ptr<OneDnn> onednn_;  // only with Products::kOneDnn
  bool caller_pinned_ = false;
  // Of one call of attention; they grow to the largest step.
  std::vector<TileTask> tiles_;
  std::vector<std::unique_ptr<CpuMemory>> scratch_;  // one per thread
  std::size_t scratch_head_dim_ = 0;
};

}  // namespace sluice::worker
