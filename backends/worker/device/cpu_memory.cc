#include "backends/worker/device/cpu_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace sluice::worker {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kLargePage = std::size_t{2} << 20;

std::uintptr_t round_up(std::uintptr_t address, std::size_t unit) {
  return (address + unit - 1) / unit * unit;
}

}  // namespace

CpuMemory::CpuMemory(std::size_t bytes, Use use)
    : allocated_(bytes <= SIZE_MAX - kCacheLine ? std::calloc(bytes + kCacheLine, 1) : nullptr) {
  if (allocated_ == nullptr) throw std::bad_alloc();
  const auto begin = reinterpret_cast<std::uintptr_t>(allocated_);
  data_ = reinterpret_cast<void*>(round_up(begin, kCacheLine));
  if (use == Use::kDense && bytes >= 2 * kLargePage) {
    // A failure leaves small pages: slower, nothing else.
    const std::uintptr_t first = round_up(begin, kLargePage);
    const std::uintptr_t last = (begin + bytes) / kLargePage * kLargePage;
    ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
  }
}

CpuMemory::~CpuMemory() {
  std::free(allocated_);
}

}  // namespace sluice::worker
