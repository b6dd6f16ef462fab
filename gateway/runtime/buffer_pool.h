#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string_view>
#include <vector>

namespace sluice {

// The block sizes of the data path: small blocks hold request heads of downstream connections, large ones
// what an upstream sends in one read, the others the same while its client has no room for more.
enum class BlockSize : unsigned char { kTiny, kPage, kSmall, kLarge };

// Read buffers of one loop, reused last in, first out so that they stay in cache. A connection takes a block
// when its socket has bytes and gives it back when it has handed them on: idle connections hold none, and a
// stream whose client is slow holds the one block it is writing. Threads: its loop's only.
class BufferPool {
 public:
  class Block {
   public:
    Block() = default;
    Block(Block&& other) noexcept { *this = std::move(other); }
    Block& operator=(Block&& other) noexcept;
    ~Block() { release(); }

    explicit operator bool() const noexcept { return data_ != nullptr; }
    char* data() const noexcept { return data_.get(); }
    std::size_t size() const noexcept { return data_ ? pool_->bytes_of(size_) : 0; }
    BlockSize kind() const noexcept { return size_; }
    void release() noexcept;

   private:
    friend class BufferPool;
    Block(BufferPool* pool, std::unique_ptr<char[]> data, BlockSize size) noexcept
        : pool_(pool), data_(std::move(data)), size_(size) {}

    BufferPool* pool_ = nullptr;
    std::unique_ptr<char[]> data_;
    BlockSize size_ = BlockSize::kSmall;
  };

  static constexpr std::size_t kTinyBytes = 1024;
  static constexpr std::size_t kPageBytes = 4 * 1024;
  static constexpr std::size_t kSmallBytes = 16 * 1024;
  static constexpr std::size_t kDefaultLargeBytes = 64 * 1024;

  explicit BufferPool(std::size_t large_bytes = kDefaultLargeBytes) noexcept : large_bytes_(large_bytes) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  Block acquire(BlockSize size);
  // What to read an upstream's bytes into, `most` of them at once. A large block is filled and handed on in
  // one turn; where many are in use at the same time they wait for clients that do not read, and so would the
  // next one: a small block holds less.
  BlockSize for_reading(std::size_t most) const noexcept {
    if (most <= kTinyBytes) return BlockSize::kTiny;
    if (most <= kPageBytes) return BlockSize::kPage;
    const bool many = in_use_[static_cast<std::size_t>(BlockSize::kLarge)] * large_bytes_ >= kMaxLargeInUse;
    return many || most <= kSmallBytes ? BlockSize::kSmall : BlockSize::kLarge;
  }
  std::size_t large_bytes() const noexcept { return large_bytes_; }
  std::size_t blocks_in_use() const noexcept {
    return std::accumulate(in_use_.begin(), in_use_.end(), std::size_t{});
  }
  std::size_t bytes_of(BlockSize size) const noexcept {
    constexpr std::size_t kFixed[] = {kTinyBytes, kPageBytes, kSmallBytes};
    return size == BlockSize::kLarge ? large_bytes_ : kFixed[static_cast<std::size_t>(size)];
  }

 private:
  // Blocks kept for reuse, in bytes of each size: enough for bursts.
  static constexpr std::size_t kMaxFree = 1024 * 1024;
  // Of large blocks, in bytes, before small ones take their place.
  static constexpr std::size_t kMaxLargeInUse = 1024 * 1024;

  std::size_t large_bytes_;
  static constexpr std::size_t kSizes = 4;
  std::array<std::vector<std::unique_ptr<char[]>>, kSizes> free_;
  std::array<std::size_t, kSizes> in_use_{};
};

}  // namespace sluice
