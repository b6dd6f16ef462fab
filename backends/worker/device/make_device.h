#pragma once

#include <cstddef>
#include <memory>

#include "backends/worker/device/device.h"

namespace sluice::worker {

// kAuto: an accelerator if the build has one and there is one, the processor otherwise.
enum class DeviceKind { kAuto, kCpu, kCuda };

struct DeviceOptions {
  DeviceKind kind = DeviceKind::kAuto;
  Precision precision = Precision::kFloat32;
  std::size_t threads = 1;  // of the processor that compute, in all
  bool pin = false;         // each of them on a processor of its own
};

// Throws std::invalid_argument, for the operator, if this build or this machine has no such device.
std::unique_ptr<Device> make_device(const DeviceOptions& options);

}  // namespace sluice::worker
