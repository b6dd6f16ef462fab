// The kernels of cpu_kernels.h, included once per instruction-set level by cpu_kernels_<level>.cc, which
// defines SLUICE_KERNELS (the table's name), SLUICE_LEVEL, SLUICE_TILE_ROWS (the most rows of a tile) and
// SLUICE_TILE_LANES (how many accumulators of 16 lanes a tile may have, so that they stay in registers).
//
// No header with inline functions may be included here: the linker keeps one copy of each, and it could be
// the one compiled for a processor that is not there. Everything below is internal to its file for the same
// reason.

#include "backends/worker/device/cpu_attention_kernels.h"
#include "backends/worker/device/cpu_kernels.h"
#include "backends/worker/device/cpu_product_kernels.h"
#include "backends/worker/device/cpu_row_kernels.h"

namespace sluice::worker {

const CpuKernels SLUICE_KERNELS = {SLUICE_LEVEL,
                                   matmul<F32Panels>,
                                   matmul<Bf16Panels>,
                                   attention<float>,
                                   attention<std::uint16_t>,
                                   rms_norm,
                                   rope,
                                   silu_mul,
                                   add,
                                   argmax};

}  // namespace sluice::worker
