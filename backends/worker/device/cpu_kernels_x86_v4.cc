#define SLUICE_KERNELS kX86V4Kernels
#define SLUICE_LEVEL "x86-64-v4"
// Thirty-two registers of sixteen lanes: 24 for sums.
#define SLUICE_TILE_ROWS 6
#define SLUICE_TILE_LANES 24

#include "backends/worker/device/cpu_kernels_impl.h"
