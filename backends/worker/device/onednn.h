#pragma once

#include <cstddef>
#include <memory>

#include "backends/worker/device/cpu_matrix.h"

namespace sluice::worker {

// Whether this processor runs oneDNN's products with `precision` by anything but its reference loops.
bool onednn_can_run(Precision precision);
// Whether they are worth having beside ours: bfloat16 with AMX.
bool onednn_gains(Precision precision);

// Products by oneDNN, which wraps all that the worker uses of that library.
//
// Rows are multiplied in blocks of 16 or of 64, the last filled up with zeros, so that two primitives for
// each shape do for all batches and none is made while serving. With bfloat16 the rows are rounded to
// bfloat16 first. oneDNN promises no order of additions: a row's result may differ in its last bits between a
// block of 16 and one of 64.
class OneDnn {
 public:
  // `threads`: how many a team that multiplies will have at most.
  explicit OneDnn(std::size_t threads);
  ~OneDnn();

  // Packs weights as oneDNN likes them; keeps a plain copy beside them if rows are to be looked up. The plain
  // copy of one matrix exists while it is packed in any case. `this` must outlive the matrix. Throws
  // std::bad_alloc, std::runtime_error if oneDNN fails, and what `source` throws.
  std::unique_ptr<CpuMatrix> pack(Precision precision, std::size_t rows, std::size_t columns, MatrixUse use,
                                  const RowSource& source);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sluice::worker
