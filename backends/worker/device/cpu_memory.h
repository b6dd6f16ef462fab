#pragma once

#include <cstddef>

namespace sluice::worker {

// Zeroed memory at the start of a cache line. Large pieces cost memory only as far as they are written to.
class CpuMemory {
 public:
  // kDense: all of it will be used and read from front to back; large pages are asked for.
  enum class Use { kSparse, kDense };

  // Throws std::bad_alloc.
  explicit CpuMemory(std::size_t bytes, Use use = Use::kSparse);
  ~CpuMemory();
  CpuMemory(const CpuMemory&) = delete;
  CpuMemory& operator=(const CpuMemory&) = delete;

  void* data() const noexcept { return data_; }

 private:
  void* allocated_;
  void* data_;
};

}  // namespace sluice::worker
