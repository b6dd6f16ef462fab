#define SLUICE_KERNELS kX86V3Kernels
#define SLUICE_LEVEL "x86-64-v3"
#define SLUICE_TILE_ROWS 2
#define SLUICE_TILE_OUTPUTS 2

#include "backends/worker/device/cpu_kernels_impl.h"
