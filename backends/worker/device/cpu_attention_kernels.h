#pragma once

// Attention of a tile of queries over the paged cache: part of cpu_kernels_impl.h, whose rules hold here too.

#include "backends/worker/device/cpu_lanes.h"

namespace sluice::worker {
namespace {

// The keys of 16 positions: value i of all of them at keys + i * stride.
template <typename Value>
struct KeyGroup {
  const Value* keys;
  std::size_t stride;
};

// scores[r][16 g …] = queries[r] · keys of group g * scale
template <typename Value, std::size_t kRows, std::size_t kGroups>
SLUICE_INLINE void score_tile(const float* const* queries, const KeyGroup<Value>* groups,
                              std::size_t head_dim, float scale, float* scores) {
  Lanes accumulators[kRows][kGroups] = {};
  for (std::size_t i = 0; i < head_dim; ++i) {
    Lanes keys[kGroups];
    for (std::size_t g = 0; g < kGroups; ++g)
      keys[g] = load(groups[g].keys + i * groups[g].stride);
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t g = 0; g < kGroups; ++g)
        accumulators[r][g] += queries[r][i] * keys[g];
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t g = 0; g < kGroups; ++g)
      store(scores + r * kAttentionChunk + g * kLanes, accumulators[r][g] * scale);
  }
}

template <typename Value, std::size_t kRows>
SLUICE_INLINE void score_rows(const float* const* queries, const KeyGroup<Value>* groups, std::size_t count,
                              std::size_t head_dim, float scale, float* scores) {
  constexpr std::size_t kGroups = groups_for(kRows) < 4 ? groups_for(kRows) : 4;
  std::size_t g = 0;
  for (; g + kGroups <= count; g += kGroups)
    score_tile<Value, kRows, kGroups>(queries, groups + g, head_dim, scale, scores + g * kLanes);
  for (; g < count; ++g)
    score_tile<Value, kRows, 1>(queries, groups + g, head_dim, scale, scores + g * kLanes);
}

// sums[r][lanes] = sums[r][lanes] * factors[r] + Σ scores[r][j] * values[j][lanes]
template <typename Value, std::size_t kRows, std::size_t kGroups>
SLUICE_INLINE void weigh_tile(const float* scores, const Value* const* values, std::size_t count,
                              std::size_t lane, const float* factors, float* sums, std::size_t stride) {
  Lanes accumulators[kRows][kGroups];
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t g = 0; g < kGroups; ++g)
      accumulators[r][g] = load(sums + r * stride + lane + g * kLanes) * factors[r];
  }
  for (std::size_t j = 0; j < count; ++j) {
    Lanes lanes[kGroups];
    for (std::size_t g = 0; g < kGroups; ++g)
      lanes[g] = load(values[j] + lane + g * kLanes);
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t g = 0; g < kGroups; ++g)
        accumulators[r][g] += scores[r * kAttentionChunk + j] * lanes[g];
    }
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t g = 0; g < kGroups; ++g)
      store(sums + r * stride + lane + g * kLanes, accumulators[r][g]);
  }
}

template <typename Value, std::size_t kRows>
SLUICE_INLINE void weigh_rows(const float* scores, const Value* const* values, std::size_t count,
                              const float* factors, float* sums, std::size_t stride) {
  constexpr std::size_t kGroups = groups_for(kRows) < 4 ? groups_for(kRows) : 4;
  std::size_t lane = 0;
  for (; lane + kGroups * kLanes <= stride; lane += kGroups * kLanes)
    weigh_tile<Value, kRows, kGroups>(scores, values, count, lane, factors, sums, stride);
  for (; lane < stride; lane += kLanes)
    weigh_tile<Value, kRows, 1>(scores, values, count, lane, factors, sums, stride);
}

// What the softmax of one query has come to.
struct Softmax {
  float largest;
  float total;
};

// Turns the scores of one query's chunk, of which the first `count` are its own, into exponentials relative
// to the largest so far, zeros behind them; returns by how much earlier sums shrink.
SLUICE_INLINE float exponentials(float* scores, std::size_t count, Softmax& softmax) {
  const Lanes nothing = splat(-__builtin_inff());
  const std::size_t padded = (count + kLanes - 1) / kLanes * kLanes;
  for (std::size_t i = count; i < padded; ++i)
    scores[i] = -__builtin_inff();
  Lanes most = nothing;
  for (std::size_t i = 0; i < padded; i += kLanes) {
    const Lanes lanes = load(scores + i);
    most = lanes > most ? lanes : most;
  }
  const float before = softmax.largest;
  const float now = largest(most);
  softmax.largest = now > before ? now : before;
  Lanes total{};
  for (std::size_t i = 0; i < padded; i += kLanes) {
    const Lanes lanes = load(scores + i);
    const Lanes weights = exp_lanes(lanes - softmax.largest);
    const Lanes kept = lanes == nothing ? Lanes{} : weights;
    store(scores + i, kept);
    total += kept;
  }
  for (std::size_t i = padded; i < kAttentionChunk; i += kLanes)
    store(scores + i, Lanes{});
  const float factor = exp_lanes(splat(before - softmax.largest))[0];
  softmax.total = softmax.total * factor + sum(total);
  return factor;
}

// Keys of 16 positions from blocks whose size is no multiple of 16, as f32 [head_dim][16]; zeros from `end`
// on.
template <typename Value>
void gather_keys(const AttentionTile& tile, std::size_t position, std::size_t end, float* out) {
  for (std::size_t j = 0; j < kLanes; ++j) {
    if (position + j >= end) {
      for (std::size_t i = 0; i < tile.head_dim; ++i)
        out[i * kLanes + j] = 0;
      continue;
    }
    const auto block = static_cast<std::size_t>(tile.blocks[(position + j) / tile.block_size]);
    const Value* keys =
        static_cast<const Value*>(tile.keys) + block * tile.key_block + (position + j) % tile.block_size;
    for (std::size_t i = 0; i < tile.head_dim; ++i)
      out[i * kLanes + j] = widen(keys[i * tile.block_size]);
  }
}

template <typename Value>
SLUICE_INLINE void score_groups(const AttentionTile& tile, const KeyGroup<Value>* groups, std::size_t count,
                                float* scores) {
  in_tiles(tile.count, [&](std::size_t row, auto rows) __attribute__((always_inline)) {
    score_rows<Value, decltype(rows)::value>(tile.queries + row, groups, count, tile.head_dim, tile.scale,
                                             scores + row * kAttentionChunk);
  });
}

constexpr std::size_t kChunkGroups = kAttentionChunk / kLanes;

// Scores of all queries for positions begin … end of one chunk. Those behind `end` in the last group of 16
// are whatever the block holds there.
template <typename Value>
SLUICE_INLINE void chunk_scores(const AttentionTile& tile, std::size_t begin, std::size_t end, float* scores,
                                float* gathered) {
  const std::size_t count = (end - begin + kLanes - 1) / kLanes;
  if (tile.block_size % kLanes == 0) {
    KeyGroup<Value> groups[kChunkGroups];
    for (std::size_t g = 0; g < count; ++g) {
      const std::size_t position = begin + g * kLanes;
      const auto block = static_cast<std::size_t>(tile.blocks[position / tile.block_size]);
      groups[g] = {static_cast<const Value*>(tile.keys) + block * tile.key_block + position % tile.block_size,
                   tile.block_size};
    }
    score_groups<Value>(tile, groups, count, scores);
  } else {
    KeyGroup<float> groups[kChunkGroups];
    for (std::size_t g = 0; g < count; ++g) {
      float* out = gathered + g * tile.head_dim * kLanes;
      gather_keys<Value>(tile, begin + g * kLanes, end, out);
      groups[g] = {out, kLanes};
    }
    score_groups<float>(tile, groups, count, scores);
  }
}

template <typename Value>
void attention(const AttentionTile& tile) {
  const std::size_t stride = padded_head_dim(tile.head_dim);
  float* scores = tile.scratch;
  float* sums = scores + kMostQueries * kAttentionChunk;
  float* gathered = sums + kMostQueries * stride;
  Softmax softmax[kMostQueries];
  std::size_t longest = 0;
  for (std::size_t q = 0; q < tile.count; ++q) {
    softmax[q] = {-__builtin_inff(), 0};
    const auto length = static_cast<std::size_t>(tile.lengths[q]);
    longest = length > longest ? length : longest;
  }
  for (std::size_t i = 0; i < tile.count * stride; i += kLanes)
    store(sums + i, Lanes{});

  for (std::size_t begin = 0; begin < longest; begin += kAttentionChunk) {
    const std::size_t end = longest - begin < kAttentionChunk ? longest : begin + kAttentionChunk;
    chunk_scores<Value>(tile, begin, end, scores, gathered);
    float factors[kMostQueries];
    for (std::size_t q = 0; q < tile.count; ++q) {
      const auto length = static_cast<std::size_t>(tile.lengths[q]);
      float* own = scores + q * kAttentionChunk;
      if (length > begin) {
        factors[q] = exponentials(own, length < end ? length - begin : end - begin, softmax[q]);
        continue;
      }
      factors[q] = 1;
      for (std::size_t i = 0; i < kAttentionChunk; i += kLanes)
        store(own + i, Lanes{});
    }
    const Value* values[kAttentionChunk];
    for (std::size_t position = begin; position < end; ++position) {
      const auto block = static_cast<std::size_t>(tile.blocks[position / tile.block_size]);
      values[position - begin] = static_cast<const Value*>(tile.values) + block * tile.value_block +
                                 position % tile.block_size * stride;
    }
    in_tiles(tile.count, [&](std::size_t row, auto rows) __attribute__((always_inline)) {
      weigh_rows<Value, decltype(rows)::value>(scores + row * kAttentionChunk, values, end - begin,
                                               factors + row, sums + row * stride, stride);
    });
  }

  for (std::size_t q = 0; q < tile.count; ++q) {
    const float scale = 1.0F / softmax[q].total;
    for (std::size_t i = 0; i < tile.head_dim; ++i)
      tile.outs[q][i] = sums[q * stride + i] * scale;
  }
}

}  // namespace
}  // namespace sluice::worker
