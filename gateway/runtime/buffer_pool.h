#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace sluice {

// The two block sizes of the data path: small blocks hold request heads of downstream connections, large ones
// what an upstream sends in one read.
enum class BlockSize : unsigned char { kSmall, kLarge };

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
    bool is_large() const noexcept { return size_ == BlockSize::kLarge; }
    void release() noexcept;

   private:
    friend class BufferPool;
    Block(BufferPool* pool, std::unique_ptr<char[]> data, BlockSize size) noexcept
        : pool_(pool), data_(std::move(data)), size_(size) {}

    BufferPool* pool_ = nullptr;
    std::unique_ptr<char[]> data_;
    BlockSize size_ = BlockSize::kSmall;
  };

  static constexpr std::size_t kSmallBytes = 16 * 1024;
  static constexpr std::size_t kDefaultLargeBytes = 64 * 1024;

  explicit BufferPool(std::size_t large_bytes = kDefaultLargeBytes) noexcept : large_bytes_(large_bytes) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  Block acquire(BlockSize size);
  std::size_t large_bytes() const noexcept { return large_bytes_; }
  std::size_t blocks_in_use() const noexcept { return in_use_; }

 private:
  // Blocks kept for reuse: enough for bursts, at most 4 MiB + 1 MiB per loop when idle.
  static constexpr std::size_t kMaxFree = 64;

  std::size_t bytes_of(BlockSize size) const noexcept {
    return size == BlockSize::kSmall ? kSmallBytes : large_bytes_;
  }
  std::vector<std::unique_ptr<char[]>>& free_list(BlockSize size) noexcept {
    return size == BlockSize::kSmall ? free_small_ : free_large_;
  }

  std::size_t large_bytes_;
  std::vector<std::unique_ptr<char[]>> free_small_;
  std::vector<std::unique_ptr<char[]>> free_large_;
  std::size_t in_use_ = 0;
};

}  // namespace sluice
