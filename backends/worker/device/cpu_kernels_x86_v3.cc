#define SLUICE_KERNELS kX86V3Kernels
#define SLUICE_LEVEL "x86-64-v3"
// Sixteen registers of eight lanes: twelve for sums.
#define SLUICE_TILE_ROWS 6
#define SLUICE_TILE_LANES 6

#include "backends/worker/device/cpu_kernels_impl.h"
