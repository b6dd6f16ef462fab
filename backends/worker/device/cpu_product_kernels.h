#pragma once

// Matrix products from packed panels: part of cpu_kernels_impl.h, whose rules hold here too.

#include "backends/worker/device/cpu_lanes.h"

namespace sluice::worker {
namespace {

// Called for each column of a tile: fetches what comes behind the tile's columns, a piece at a time.
struct Fetch {
  const char* next;
  std::size_t stride;  // bytes

  SLUICE_INLINE void operator()() {
    __builtin_prefetch(next);
    next += stride;
  }
};
struct NoFetch {
  SLUICE_INLINE void operator()() {}
};

// f32 panels: one column at a time.
struct F32Panels {
  using Value = float;
  static constexpr std::size_t kColumnBytes = kPanel * sizeof(float);

  static const float* at(const void* panels, std::size_t panel, std::size_t columns) {
    return static_cast<const float*>(panels) + panel * columns * kPanel;
  }

  // accumulators += in[rows, from … to) · panels
  template <std::size_t kRows, std::size_t kGroups, typename Ahead>
  static SLUICE_INLINE void add(Lanes (&accumulators)[kRows][kGroups], const float* const (&in)[kRows],
                                const float* const (&panels)[kGroups], std::size_t from, std::size_t to,
                                Ahead ahead) {
    for (std::size_t column = from; column < to; ++column) {
      ahead();
      Lanes weights[kGroups];
      for (std::size_t g = 0; g < kGroups; ++g)
        weights[g] = load(panels[g] + column * kPanel);
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t g = 0; g < kGroups; ++g)
          accumulators[r][g] += in[r][column] * weights[g];
      }
    }
  }
};

// bf16 panels: a word of two columns at a time, the even one first.
struct Bf16Panels {
  using Value = std::uint32_t;
  static constexpr std::size_t kColumnBytes = kPanel * sizeof(std::uint16_t);

  static const std::uint32_t* at(const void* panels, std::size_t panel, std::size_t columns) {
    return static_cast<const std::uint32_t*>(panels) + panel * ((columns + 1) / 2) * kPanel;
  }

  // `from` is even.
  template <std::size_t kRows, std::size_t kGroups, typename Ahead>
  static SLUICE_INLINE void add(Lanes (&accumulators)[kRows][kGroups], const float* const (&in)[kRows],
                                const std::uint32_t* const (&panels)[kGroups], std::size_t from,
                                std::size_t to, Ahead ahead) {
    const auto words = [&](std::size_t g, std::size_t column) __attribute__((always_inline)) {
      WordLanes lanes;
      __builtin_memcpy(&lanes, panels[g] + column / 2 * kPanel, sizeof(lanes));
      return lanes;
    };
    const auto step = [&](std::size_t column, const Lanes(&weights)[kGroups]) __attribute__((always_inline)) {
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t g = 0; g < kGroups; ++g)
          accumulators[r][g] += in[r][column] * weights[g];
      }
    };
    std::size_t column = from;
    for (; column + 1 < to; column += 2) {
      ahead();
      Lanes even[kGroups];
      Lanes odd[kGroups];
      for (std::size_t g = 0; g < kGroups; ++g) {
        even[g] = (Lanes)(words(g, column) << 16);
        odd[g] = (Lanes)(words(g, column) & 0xFFFF0000U);
      }
      step(column, even);
      step(column + 1, odd);
    }
    if (column < to) {
      Lanes even[kGroups];
      for (std::size_t g = 0; g < kGroups; ++g)
        even[g] = (Lanes)(words(g, column) << 16);
      step(column, even);
    }
  }
};

// A tile of kRows rows and kGroups panels, columns from … to. Sums go on from what `out` holds unless `from`
// is 0: rounding to memory and back changes nothing, so that columns may be cut anywhere.
template <typename Panels, std::size_t kRows, std::size_t kGroups, typename Ahead = NoFetch>
SLUICE_INLINE void product_tile(const Product& product, std::size_t row, std::size_t panel, std::size_t from,
                                std::size_t to, Ahead ahead = {}) {
  const float* in[kRows];
  float* out[kRows];
  const typename Panels::Value* panels[kGroups];
  for (std::size_t r = 0; r < kRows; ++r) {
    in[r] = product.in + (row + r) * product.columns;
    out[r] = product.out + (row + r) * product.out_stride + panel * kPanel;
  }
  for (std::size_t g = 0; g < kGroups; ++g)
    panels[g] = Panels::at(product.panels, panel + g, product.columns);

  const std::size_t outputs = product.outputs - panel * kPanel;  // may be fewer than the tile has
  const bool whole = outputs >= kGroups * kPanel;
  const auto room = [&](std::size_t g) __attribute__((always_inline)) {
    const std::size_t left = outputs - g * kPanel;
    return left < kPanel ? left : kPanel;
  };
  Lanes accumulators[kRows][kGroups] = {};
  if (from > 0) {
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t g = 0; g < kGroups; ++g)
        accumulators[r][g] = whole ? load(out[r] + g * kPanel) : load_some(out[r] + g * kPanel, room(g));
    }
  }
  Panels::add(accumulators, in, panels, from, to, ahead);
  const bool biased = product.bias != nullptr && to == product.columns;
  for (std::size_t g = 0; g < kGroups; ++g) {
    const float* bias = biased ? product.bias + (panel + g) * kPanel : nullptr;
    const Lanes addend = !biased ? Lanes{} : whole ? load(bias) : load_some(bias, room(g));
    for (std::size_t r = 0; r < kRows; ++r) {
      const Lanes lanes = biased ? accumulators[r][g] + addend : accumulators[r][g];
      if (whole) {
        store(out[r] + g * kPanel, lanes);
      } else {
        store_some(out[r] + g * kPanel, lanes, room(g));
      }
    }
  }
}

// All panels for kRows rows from `row` on, in one pass over the weights.
template <typename Panels, std::size_t kRows>
SLUICE_INLINE void product_rows(const Product& product, std::size_t row) {
  constexpr std::size_t kGroups = groups_for(kRows);
  const std::size_t panels = (product.outputs + kPanel - 1) / kPanel;
  std::size_t panel = 0;
  for (; panel + kGroups <= panels; panel += kGroups)
    product_tile<Panels, kRows, kGroups>(product, row, panel, 0, product.columns);
  if constexpr (kGroups > 1) {
    for (; panel < panels; ++panel)
      product_tile<Panels, kRows, 1>(product, row, panel, 0, product.columns);
  }
}

// Of many rows, a block of kRowBlock rows by kDepth columns (192 KiB) stays in the second-level cache while
// the panels pass by; of each panel, kDepth columns (16 KiB) stay in the first-level cache while the rows do.
constexpr std::size_t kRowBlock = 192;
constexpr std::size_t kDepth = 256;

// A few tiles of rows: all of them pass over the same columns of a panel while those are in the first-level
// cache, and each fetches its share of the ones that come next, so that memory does not rest while they
// compute.
constexpr std::size_t kFewTiles = 4;
constexpr std::size_t kFewBytes = 8192;

template <typename Panels>
void few_rows(const Product& product) {
  constexpr std::size_t kCut = kFewBytes / Panels::kColumnBytes;
  const std::size_t panels = (product.outputs + kPanel - 1) / kPanel;
  const std::size_t tiles = (product.rows + kTileRows - 1) / kTileRows;
  for (std::size_t panel = 0; panel < panels; ++panel) {
    for (std::size_t from = 0; from < product.columns; from += kCut) {
      const std::size_t to = product.columns - from < kCut ? product.columns : from + kCut;
      const auto* data = reinterpret_cast<const char*>(Panels::at(product.panels, panel, product.columns));
      const char* share = data + to * Panels::kColumnBytes;
      in_tiles(product.rows, [&](std::size_t row, auto count) __attribute__((always_inline)) {
        product_tile<Panels, decltype(count)::value, 1>(product, row, panel, from, to,
                                                        Fetch{share, kPanel * sizeof(float) / tiles});
        share += (to - from) * Panels::kColumnBytes / tiles;
      });
    }
  }
}

template <typename Panels>
void matmul(const Product& product) {
  if (product.rows <= kTileRows) {
    if (product.rows > 0) {
      with_count<kTileRows>(product.rows, [&](auto rows) __attribute__((always_inline)) {
        product_rows<Panels, decltype(rows)::value>(product, 0);
      });
    }
    return;
  }
  if constexpr (groups_for(kTileRows) == 1) {
    if (product.rows <= kFewTiles * kTileRows) return few_rows<Panels>(product);
  }
  const std::size_t panels = (product.outputs + kPanel - 1) / kPanel;
  for (std::size_t first = 0; first < product.rows; first += kRowBlock) {
    const std::size_t rows = product.rows - first < kRowBlock ? product.rows - first : kRowBlock;
    // A few rows are read again from the first-level cache anyway; to cut their columns would only cost.
    const std::size_t depth = rows <= 4 * kTileRows ? product.columns : kDepth;
    for (std::size_t from = 0; from < product.columns; from += depth) {
      const std::size_t to = product.columns - from < depth ? product.columns : from + depth;
      const auto tiles = [&](std::size_t panel, auto groups) __attribute__((always_inline)) {
        in_tiles(rows, [&](std::size_t row, auto count) __attribute__((always_inline)) {
          product_tile<Panels, decltype(count)::value, decltype(groups)::value>(product, first + row, panel,
                                                                                from, to);
        });
      };
      constexpr std::size_t kGroups = groups_for(kTileRows);
      std::size_t panel = 0;
      for (; panel + kGroups <= panels; panel += kGroups)
        tiles(panel, Count<kGroups>{});
      for (; kGroups > 1 && panel < panels; ++panel)
        tiles(panel, Count<1>{});
    }
  }
}

}  // namespace
}  // namespace sluice::worker
