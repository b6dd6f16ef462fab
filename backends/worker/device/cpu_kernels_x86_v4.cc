#define SLUICE_KERNELS kX86V4Kernels
#define SLUICE_LEVEL "x86-64-v4"
#define SLUICE_TILE_ROWS 4
#define SLUICE_TILE_OUTPUTS 4

#include "backends/worker/device/cpu_kernels_impl.h"
