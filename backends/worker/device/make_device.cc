#include "backends/worker/device/make_device.h"

#include <stdexcept>

#include "backends/worker/device/cpu_device.h"

namespace sluice::worker {

std::unique_ptr<Device> make_device(const DeviceOptions& options) {
  if (options.kind == DeviceKind::kCuda) {
    throw std::invalid_argument("this build has no CUDA device; --device cpu is there");
  }
  CpuOptions cpu;
  cpu.precision = options.precision;
  cpu.threads = options.threads;
  cpu.pin = options.pin;
  return std::make_unique<CpuDevice>(cpu);
}

}  // namespace sluice::worker
