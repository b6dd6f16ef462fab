#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_device.h"

namespace sluice::worker {

// A device that tests of the Device interface, and of what computes by it, run on. Another kind of device is
// another entry of `device_cases`.
struct DeviceCase {
  std::string name;
  std::function<std::unique_ptr<Device>()> make;
  Precision precision;
  // Whether a row's result is promised to be the same to the bit in every batch.
  bool invariant;
  // Whether products round their input too (oneDNN with bfloat16).
  bool rounds_input;
};

inline void PrintTo(const DeviceCase& device, std::ostream* out) {
  *out << device.name;
}

inline std::vector<const CpuKernels*> cpu_levels_of_this_machine() {
  std::vector<const CpuKernels*> levels{&kBaselineKernels};
#ifdef SLUICE_X86_64_LEVELS
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back(&kX86V3Kernels);
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back(&kX86V4Kernels);
#endif
  return levels;
}

inline DeviceCase cpu_case(std::string name, const CpuOptions& options) {
  return {std::move(name), [options] { return std::make_unique<CpuDevice>(options); }, options.precision,
          options.products == Products::kOwn,
          options.products == Products::kOneDnn && options.precision == Precision::kBfloat16};
}

// Every level and every kind of product that this machine can run, in both precisions.
inline std::vector<DeviceCase> device_cases() {
  std::vector<DeviceCase> cases;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    const std::string suffix = precision == Precision::kFloat32 ? "_f32" : "_bf16";
    for (const CpuKernels* level : cpu_levels_of_this_machine()) {
      std::string name = level->level + suffix;
      std::erase(name, '-');
      cases.push_back(cpu_case(name, {.precision = precision, .products = Products::kOwn, .kernels = level}));
    }
    cases.push_back(
        cpu_case("three_threads" + suffix,
                 {.precision = precision, .threads = 3, .pin = true, .products = Products::kOwn}));
    if (onednn_can_run(precision)) {
      cases.push_back(cpu_case("onednn" + suffix, {.precision = precision, .products = Products::kOneDnn}));
      cases.push_back(cpu_case("onednn_two_threads" + suffix,
                               {.precision = precision, .threads = 2, .products = Products::kOneDnn}));
    }
  }
  return cases;
}

}  // namespace sluice::worker
