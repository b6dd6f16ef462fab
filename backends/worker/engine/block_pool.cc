#include "backends/worker/engine/block_pool.h"

namespace sluice::worker {

BlockPool::BlockPool(std::int32_t blocks) : total_(blocks) {
  // Lowest first, so that a lightly loaded engine keeps to few pages of memory.
  for (std::int32_t block = blocks; block-- > 0;)
    free_.push_back(block);
}

std::vector<std::int32_t> BlockPool::take(std::int32_t count) {
  if (count > free()) return {};
  std::vector<std::int32_t> blocks(free_.rbegin(), free_.rbegin() + count);
  free_.resize(free_.size() - blocks.size());
  return blocks;
}

void BlockPool::give_back(std::vector<std::int32_t>& blocks) {
  free_.insert(free_.end(), blocks.rbegin(), blocks.rend());
  blocks.clear();
}

}  // namespace sluice::worker
