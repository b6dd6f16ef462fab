#include "backends/worker/device/cpu_kernels.h"

namespace sluice::worker {

const CpuKernels& best_cpu_kernels() {
#ifdef SLUICE_X86_64_LEVELS
  if (__builtin_cpu_supports("x86-64-v4")) return kX86V4Kernels;
  if (__builtin_cpu_supports("x86-64-v3")) return kX86V3Kernels;
#endif
  return kBaselineKernels;
}

}  // namespace sluice::worker
