#include "backends/worker/engine/block_pool.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::worker {

std::size_t BlockPool::FirstBytes::operator()(const BlockHash& hash) const noexcept {
  std::size_t bytes = 0;
  std::memcpy(&bytes, hash.data(), sizeof(bytes));
  return bytes;
}

BlockPool::BlockPool(std::int32_t blocks) : blocks_(static_cast<std::size_t>(blocks)), free_(blocks) {
  blank_.reserve(blocks_.size());
  for (std::int32_t block = blocks; block-- > 0;)
    blank_.push_back(block);
}

std::vector<std::int32_t> BlockPool::find(std::span<const BlockHash> hashes) const {
  std::vector<std::int32_t> blocks;
  for (const BlockHash& hash : hashes) {
    const auto found = named_.find(hash);
    if (found == named_.end()) break;
    blocks.push_back(found->second);
  }
  return blocks;
}

std::int32_t BlockPool::count_free(std::span<const std::int32_t> blocks) const {
  return static_cast<std::int32_t>(
      std::ranges::count_if(blocks, [this](std::int32_t block) { return at(block).holders == 0; }));
}

void BlockPool::hold(std::span<const std::int32_t> blocks) {
  for (const std::int32_t block : blocks) {
    if (at(block).holders++ > 0) continue;
    remove_from_list(block);
    --free_;
  }
}

void BlockPool::take(std::int32_t count, std::vector<std::int32_t>& blocks) {
  for (; count > 0; --count) {
    const std::int32_t block = take_one();
    at(block).holders = 1;
    --free_;
    blocks.push_back(block);
  }
}

std::int32_t BlockPool::take_one() {
  if (!blank_.empty()) {
    const std::int32_t block = blank_.back();
    blank_.pop_back();
    return block;
  }
  const std::int32_t block = oldest_;
  remove_from_list(block);
  named_.erase(at(block).hash);
  at(block).named = false;
  return block;
}

void BlockPool::name(std::int32_t block, const BlockHash& hash) {
  if (!named_.emplace(hash, block).second) return;
  at(block).named = true;
  at(block).hash = hash;
}

void BlockPool::give_back(std::vector<std::int32_t>& blocks) {
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if (--at(*block).holders > 0) continue;
    ++free_;
    if (at(*block).named) {
      append_to_list(*block);
    } else {
      blank_.push_back(*block);
    }
  }
  blocks.clear();
}

void BlockPool::append_to_list(std::int32_t block) {
  at(block).previous = std::exchange(youngest_, block);
  at(block).next = kNone;
  (at(block).previous == kNone ? oldest_ : at(at(block).previous).next) = block;
}

void BlockPool::remove_from_list(std::int32_t block) {
  const Block& leaving = at(block);
  (leaving.previous == kNone ? oldest_ : at(leaving.previous).next) = leaving.next;
  (leaving.next == kNone ? youngest_ : at(leaving.next).previous) = leaving.previous;
}

}  // namespace sluice::worker
