#include "perf/worker/products_only.h"

namespace sluice::worker {

void ProductsOnly::embed(const Matrix& table, std::span<const std::int32_t> tokens, Buffer& out) {
  if (!only_) device_.embed(table, tokens, out);
}

void ProductsOnly::gather(const Buffer& in, std::span<const std::int32_t> rows, std::size_t columns,
                          Buffer& out) {
  if (!only_) device_.gather(in, rows, columns, out);
}

void ProductsOnly::rms_norm(const Buffer& in, std::size_t rows, const Buffer& weight, float epsilon,
                            Buffer& out) {
  if (!only_) device_.rms_norm(in, rows, weight, epsilon, out);
}

void ProductsOnly::rope(Buffer& values, std::span<const std::int32_t> positions, std::int32_t heads,
                        std::int32_t head_dim, const Buffer& cosines, const Buffer& sines) {
  if (!only_) device_.rope(values, positions, heads, head_dim, cosines, sines);
}

void ProductsOnly::write_kv(const Buffer& keys, const Buffer& values, std::span<const std::int32_t> slots,
                            KvBlocks& cache) {
  if (!only_) device_.write_kv(keys, values, slots, cache);
}

void ProductsOnly::attention(const Buffer& queries, std::int32_t heads, const KvBlocks& cache,
                             std::span<const SequenceRows> sequences, Buffer& out) {
  if (!only_) device_.attention(queries, heads, cache, sequences, out);
}

void ProductsOnly::silu_mul(const Buffer& gate, const Buffer& up, std::size_t count, Buffer& out) {
  if (!only_) device_.silu_mul(gate, up, count, out);
}

void ProductsOnly::add(Buffer& values, const Buffer& addend, std::size_t count) {
  if (!only_) device_.add(values, addend, count);
}

void ProductsOnly::argmax(const Buffer& logits, std::size_t rows, std::size_t columns,
                          std::span<std::int32_t> indexes) {
  if (!only_) device_.argmax(logits, rows, columns, indexes);
}

}  // namespace sluice::worker
