#define SLUICE_KERNELS kBaselineKernels
#define SLUICE_LEVEL "baseline"
#define SLUICE_TILE_ROWS 1
#define SLUICE_TILE_OUTPUTS 2

#include "backends/worker/device/cpu_kernels_impl.h"
