#pragma once

#include <cstdint>
#include <vector>

#include "backends/worker/device/device.h"

namespace sluice::worker {

// The tokens of one step, those of all sequences one behind the other: prompt chunks and single decoded
// tokens alike. `tokens`, `positions` and `slots` have one entry per row.
struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> positions;  // in their sequences
  std::vector<std::int32_t> slots;      // where their keys and values are cached
  std::vector<SequenceRows> sequences;
  std::vector<std::int32_t> outputs;  // rows whose next token is wanted
  std::vector<std::int32_t> hidden;   // rows whose final hidden state is wanted, for embeddings

  void clear() {
    tokens.clear();
    positions.clear();
    slots.clear();
    sequences.clear();
    outputs.clear();
    hidden.clear();
  }
};

}  // namespace sluice::worker
