#include "gateway/runtime/buffer_pool.h"

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
  auto& list = pool_->free_list(size_);
  --pool_->in_use_;
  if (list.size() < kMaxFree) {
    list.push_back(std::move(data_));
  } else {
    data_.reset();
  }
}

BufferPool::~BufferPool() {
  assert(in_use_ == 0 && "connections die before their loop's buffers");
}

BufferPool::Block BufferPool::acquire(BlockSize size) {
  auto& list = free_list(size);
  // Room for every block in use to come back, so that release() never allocates and stays noexcept.
  list.reserve(kMaxFree);
  std::unique_ptr<char[]> data;
  if (list.empty()) {
    data = std::make_unique_for_overwrite<char[]>(bytes_of(size));
  } else {
    data = std::move(list.back());
    list.pop_back();
  }
  ++in_use_;
  return Block(this, std::move(data), size);
}

}  // namespace sluice
