#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "backends/worker/engine/block_hash.h"

namespace sluice::worker {

// The KV cache's blocks: who holds them and what they contain. A block may be held by several sequences that
// begin alike. One that nobody holds is free; if its contents are named it stays findable until it is needed
// for something else, the one that was let go longest ago first. Free blocks without a name are taken before
// those, those that were in use before first, so that a lightly loaded engine keeps to few pages of memory.
//
// Not thread-safe.
class BlockPool {
 public:
  explicit BlockPool(std::int32_t blocks);

  std::int32_t total() const noexcept { return static_cast<std::int32_t>(blocks_.size()); }
  std::int32_t free() const noexcept { return free_; }

  // The blocks that contain what the longest prefix of `hashes` names. They may be lost to the next take().
  std::vector<std::int32_t> find(std::span<const BlockHash> hashes) const;
  // How many of `blocks` are free, and would no longer be if they were held.
  std::int32_t count_free(std::span<const std::int32_t> blocks) const;
  // Holds blocks that find() returned once more.
  void hold(std::span<const std::int32_t> blocks);

  // Appends `count` blocks to `blocks` and holds them. Check free() first: there must be that many.
  void take(std::int32_t count, std::vector<std::int32_t>& blocks);
  // Names the contents of a held block. If another block has the name already, this one stays without.
  void name(std::int32_t block, const BlockHash& hash);
  // Lets go of a sequence's blocks and empties the list. The last one will be reused first: what is left of a
  // prefix is useful only from its beginning.
  void give_back(std::vector<std::int32_t>& blocks);

 private:
  static constexpr std::int32_t kNone = -1;
  struct Block {
    std::int32_t holders = 0;
    bool named = false;
    std::int32_t previous = kNone;  // in the list of free, named blocks
    std::int32_t next = kNone;
    BlockHash hash{};
  };
  struct FirstBytes {
    std::size_t operator()(const BlockHash& hash) const noexcept;
  };

  Block& at(std::int32_t block) { return blocks_[static_cast<std::size_t>(block)]; }
  const Block& at(std::int32_t block) const { return blocks_[static_cast<std::size_t>(block)]; }
  void append_to_list(std::int32_t block);
  void remove_from_list(std::int32_t block);
  std::int32_t take_one();

  std::vector<Block> blocks_;
  std::int32_t free_;
  std::vector<std::int32_t> blank_;  // free and without a name; the last is taken first
  std::int32_t oldest_ = kNone;      // free and named
  std::int32_t youngest_ = kNone;
  std::unordered_map<BlockHash, std::int32_t, FirstBytes> named_;
};

}  // namespace sluice::worker
