#include "backends/worker/engine/warm_up.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace sluice::worker {
namespace {

// Products of many rows go in blocks of up to so many (CpuDevice).
constexpr std::int32_t kRows = 64;

}  // namespace

void warm_up(ModelRunner& model, const EngineOptions& options) {
  const std::int32_t room = std::min(options.max_model_len, options.kv_blocks * options.block_size);
  const std::int32_t rows = std::min({kRows, options.max_num_batched_tokens, room});
  std::vector<std::int32_t> blocks;
  for (std::int32_t i = 0; i < options.kv_blocks && i <= rows / options.block_size; ++i)
    blocks.push_back(i);
  const auto compute = [&](std::int32_t from, std::int32_t to) {
    Batch batch;
    for (std::int32_t position = from; position < to; ++position) {
      batch.tokens.push_back(0);
      batch.positions.push_back(position);
      batch.slots.push_back(position);
    }
    batch.sequences.push_back({0, to - from, from, blocks});
    batch.outputs = batch.hidden = {to - from - 1};
    model.run(batch);
    std::array<std::int32_t, 1> token{};
    model.most_probable(token);
  };
  compute(0, rows);
  if (rows < room) compute(rows, rows + 1);
}

}  // namespace sluice::worker
