#define SLUICE_KERNELS kBaselineKernels
#define SLUICE_LEVEL "baseline"
// Sixteen registers of four lanes: twelve for sums.
#define SLUICE_TILE_ROWS 3
#define SLUICE_TILE_LANES 3

#include "backends/worker/device/cpu_kernels_impl.h"
