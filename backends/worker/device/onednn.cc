#include "backends/worker/device/onednn.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <dnnl.hpp>

#include "backends/worker/device/bfloat16.h"
#include "backends/worker/device/cpu_memory.h"

// Of the OpenMP runtime that Debian's oneDNN is linked with: how many threads a primitive of the calling
// thread may use. The team's threads are ours, each with a share of the outputs.
extern "C" void omp_set_num_threads(int threads);

namespace sluice::worker {
namespace {

using dnnl::memory;
using Shape = dnnl::inner_product_forward;

// Rows of a block: what AMX has in a tile, and four of them for prompts.
constexpr std::array<std::size_t, 2> kBlocks{16, 64};
constexpr std::size_t kLargestBlock = kBlocks.back();

memory::data_type type_of(Precision precision) {
  return precision == Precision::kFloat32 ? memory::data_type::f32 : memory::data_type::bf16;
}

std::size_t bytes_of(Precision precision) {
  return precision == Precision::kFloat32 ? sizeof(float) : sizeof(std::uint16_t);
}

memory::dim dim(std::size_t size) {
  return static_cast<memory::dim>(size);
}

Shape::primitive_desc describe(const dnnl::engine& engine, Precision precision, std::size_t rows,
                               std::size_t outputs, std::size_t columns, const memory::desc& weights) {
  const memory::desc in({dim(rows), dim(columns)}, type_of(precision), memory::format_tag::ab);
  const memory::desc out({dim(rows), dim(outputs)}, memory::data_type::f32, memory::format_tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  return Shape::primitive_desc(engine, dnnl::prop_kind::forward_inference, in, weights, out);
#else
  return Shape::primitive_desc(Shape::desc(dnnl::prop_kind::forward_inference, in, weights, out), engine);
#endif
}

memory::desc any_layout(Precision precision, std::size_t outputs, std::size_t columns) {
  return {{dim(outputs), dim(columns)}, type_of(precision), memory::format_tag::any};
}

memory::desc plain_layout(Precision precision, std::size_t outputs, std::size_t columns) {
  return {{dim(outputs), dim(columns)}, type_of(precision), memory::format_tag::ab};
}

bool by_reference(const Shape::primitive_desc& description) {
  return std::string(description.impl_info_str()).find("ref") != std::string::npos;
}

void store_values(Precision precision, const float* from, std::size_t count, void* to, std::size_t first) {
  if (precision == Precision::kFloat32) {
    std::memcpy(static_cast<float*>(to) + first, from, count * sizeof(float));
  } else {
    std::transform(from, from + count, static_cast<std::uint16_t*>(to) + first, to_bfloat16);
  }
}

}  // namespace

struct OneDnn::State {
  // What one thread multiplies with; `in` and `out` hold a block and grow to the largest matrix.
  struct Member {
    explicit Member(const dnnl::engine& engine) : stream(engine) {}

    dnnl::stream stream;
    std::unique_ptr<CpuMemory> in, out;
    std::size_t in_bytes = 0;
    std::size_t out_bytes = 0;
  };

  explicit State(std::size_t threads) : engine(dnnl::engine::kind::cpu, 0) {
    for (std::size_t i = 0; i < threads; ++i)
      members.emplace_back(engine);
  }

  void reserve(std::size_t in_bytes, std::size_t out_bytes) {
    for (Member& member : members) {
      grow(member.in, member.in_bytes, in_bytes);
      grow(member.out, member.out_bytes, out_bytes);
    }
  }

  static void grow(std::unique_ptr<CpuMemory>& memory, std::size_t& have, std::size_t want) {
    if (want <= have) return;
    memory = std::make_unique<CpuMemory>(want);
    have = want;
  }

  dnnl::engine engine;
  std::vector<Member> members;
};

namespace {

// One thread's share of the outputs.
class Share {
 public:
  Share(const dnnl::engine& engine, Precision precision, std::size_t first, std::size_t outputs,
        std::size_t columns, void* plain)
      : first_(first), outputs_(outputs) {
    // The layout that suits the largest block is kept; the smaller block has to make do with it, and where it
    // cannot, there is only the largest.
    const auto largest =
        describe(engine, precision, kLargestBlock, outputs, columns, any_layout(precision, outputs, columns));
    const memory::desc layout = largest.weights_desc();
    weights_ = memory(layout, engine);
    memory from(plain_layout(precision, outputs, columns), engine, plain);
    dnnl::stream stream(engine);
    dnnl::reorder(from, weights_).execute(stream, from, weights_);
    stream.wait();
    for (std::size_t i = 0; i + 1 < kBlocks.size(); ++i)
      add_smaller_block(i, engine, precision, columns, layout, by_reference(largest));
    blocks_.back() = {Shape(largest), largest.src_desc(), largest.dst_desc()};
  }

  std::size_t first() const noexcept { return first_; }
  std::size_t outputs() const noexcept { return outputs_; }

  // The smallest block that holds so many rows, or the largest.
  std::size_t block_for(std::size_t rows) const {
    for (std::size_t i = 0; i < kBlocks.size(); ++i) {
      if (blocks_[i] && rows <= kBlocks[i]) return i;
    }
    return kBlocks.size() - 1;
  }

  // member.out = member.in · weights, for a block of rows.
  void multiply(std::size_t block, const dnnl::engine& engine, OneDnn::State::Member& member) const {
    const Block& use = *blocks_[block];
    use.primitive.execute(member.stream, {{DNNL_ARG_SRC, memory(use.in, engine, member.in->data())},
                                          {DNNL_ARG_WEIGHTS, weights_},
                                          {DNNL_ARG_DST, memory(use.out, engine, member.out->data())}});
    member.stream.wait();
  }

 private:
  struct Block {
    Shape primitive;
    memory::desc in, out;
  };

  void add_smaller_block(std::size_t i, const dnnl::engine& engine, Precision precision, std::size_t columns,
                         const memory::desc& layout, bool reference) {
    try {
      const auto description = describe(engine, precision, kBlocks[i], outputs_, columns, layout);
      if (by_reference(description) && !reference) return;
      blocks_[i] = {Shape(description), description.src_desc(), description.dst_desc()};
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
    }
  }

  std::size_t first_;
  std::size_t outputs_;
  memory weights_;
  std::array<std::optional<Block>, kBlocks.size()> blocks_;
};

class OneDnnMatrix final : public CpuMatrix {
 public:
  OneDnnMatrix(OneDnn::State& state, Precision precision, std::size_t rows, std::size_t columns,
               MatrixUse use, const RowSource& source)
      : CpuMatrix(rows, columns), state_(state), precision_(precision) {
    auto plain = std::make_unique<CpuMemory>(rows * columns * bytes_of(precision), CpuMemory::Use::kDense);
    const std::size_t piece = std::clamp<std::size_t>(Device::kUploadPiece / columns, 1, rows);
    std::vector<float> values(piece * columns);
    for (std::size_t row = 0; row < rows; row += piece) {
      const std::size_t count = std::min(piece, rows - row) * columns;
      source(std::span(values).first(count));
      store_values(precision, values.data(), count, plain->data(), row * columns);
    }
    const std::size_t shares = std::min(state.members.size(), rows);
    for (std::size_t i = 0; i < shares; ++i) {
      const std::size_t first = rows * i / shares;
      const std::size_t outputs = rows * (i + 1) / shares - first;
      shares_.emplace_back(state.engine, precision, first, outputs, columns,
                           static_cast<char*>(plain->data()) + first * columns * bytes_of(precision));
    }
    state.reserve(kLargestBlock * columns * bytes_of(precision),
                  kLargestBlock * (rows / shares + 1) * sizeof(float));
    if (use == MatrixUse::kBoth) plain_ = std::move(plain);
  }

  void multiply(const float* in, std::size_t rows, const float* bias, float* out,
                ThreadTeam& team) const override {
    team.run(shares_.size(), [&](std::size_t part) {
      omp_set_num_threads(1);
      const Share& share = shares_[part];
      for (std::size_t row = 0; row < rows;) {
        const std::size_t block = share.block_for(rows - row);
        const std::size_t count = std::min(kBlocks[block], rows - row);
        multiply_block(share, block, in + row * columns(), count, bias, out + row * this->rows(),
                       state_.members[part]);
        row += count;
      }
    });
  }

  void look_up(std::size_t row, float* out) const override {
    if (precision_ == Precision::kFloat32) {
      std::memcpy(out, static_cast<const float*>(plain_->data()) + row * columns(),
                  columns() * sizeof(float));
    } else {
      const auto* from = static_cast<const std::uint16_t*>(plain_->data()) + row * columns();
      std::transform(from, from + columns(), out, from_bfloat16);
    }
  }

 private:
  void multiply_block(const Share& share, std::size_t block, const float* in, std::size_t rows,
                      const float* bias, float* out, OneDnn::State::Member& member) const {
    store_values(precision_, in, rows * columns(), member.in->data(), 0);
    std::memset(static_cast<char*>(member.in->data()) + rows * columns() * bytes_of(precision_), 0,
                (kBlocks[block] - rows) * columns() * bytes_of(precision_));
    share.multiply(block, state_.engine, member);
    const auto* from = static_cast<const float*>(member.out->data());
    for (std::size_t row = 0; row < rows; ++row, from += share.outputs()) {
      float* to = out + row * this->rows() + share.first();
      for (std::size_t i = 0; i < share.outputs(); ++i)
        to[i] = from[i] + (bias != nullptr ? bias[share.first() + i] : 0.0F);
    }
  }

  OneDnn::State& state_;
  const Precision precision_;
  std::vector<Share> shares_;
  std::unique_ptr<CpuMemory> plain_;  // only if rows are looked up
};

}  // namespace

bool onednn_can_run(Precision precision) {
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return !by_reference(describe(engine, precision, kLargestBlock, 64, 64, any_layout(precision, 64, 64)));
  } catch (const dnnl::error&) {
    return false;
  }
}

bool onednn_gains(Precision precision) {
  return precision == Precision::kBfloat16 && __builtin_cpu_supports("amx-bf16") &&
         onednn_can_run(Precision::kBfloat16);
}

OneDnn::OneDnn(std::size_t threads) : state_(std::make_unique<State>(threads)) {}
OneDnn::~OneDnn() = default;

std::unique_ptr<CpuMatrix> OneDnn::pack(Precision precision, std::size_t rows, std::size_t columns,
                                        MatrixUse use, const RowSource& source) {
  return std::make_unique<OneDnnMatrix>(*state_, precision, rows, columns, use, source);
}

}  // namespace sluice::worker
