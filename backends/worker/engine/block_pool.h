#pragma once

#include <cstdint>
#include <vector>

namespace sluice::worker {

// The KV cache's blocks, free or lent. Not thread-safe.
class BlockPool {
 public:
  explicit BlockPool(std::int32_t blocks);

  std::int32_t total() const noexcept { return total_; }
  std::int32_t free() const noexcept { return static_cast<std::int32_t>(free_.size()); }

  // Takes `count` blocks, or none if there are not that many: check free() first.
  std::vector<std::int32_t> take(std::int32_t count);
  void give_back(std::vector<std::int32_t>& blocks);

 private:
  std::int32_t total_;
  std::vector<std::int32_t> free_;
};

}  // namespace sluice::worker
