#include "gateway/runtime/buffer_pool.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice {

BufferPool::Block& BufferPool::Block::operator=(Block&& other) noexcept {
  if (this != &other) {
    release();
    pool_ = std::exchange(other.pool_, nullptr);
    data_ = std::move(other.data_);
    size_ = other.size_;
  }
  return *this;
}

void BufferPool::Block::release() noexcept {
  if (!data_) return;
  const auto size = static_cast<std::size_t>(size_);
  auto& free = pool_->free_[size];
  --pool_->in_use_[size];
  if (free.size() < free.capacity()) {
    free.push_back(std::move(data_));
  } else {
    data_.reset();
  }
}

BufferPool::~BufferPool() {
  assert(blocks_in_use() == 0 && "connections die before their loop's buffers");
}

BufferPool::Block BufferPool::acquire(BlockSize size) {
  auto& free = free_[static_cast<std::size_t>(size)];
  std::unique_ptr<char[]> data;
  if (free.empty()) {
    // Here, so that release() never allocates and stays noexcept.
    free.reserve(std::max<std::size_t>(kMaxFree / bytes_of(size), 1));
    data = std::make_unique_for_overwrite<char[]>(bytes_of(size));
  } else {
    data = std::move(free.back());
    free.pop_back();
  }
  ++in_use_[static_cast<std::size_t>(size)];
  return Block(this, std::move(data), size);
}

}  // namespace sluice
