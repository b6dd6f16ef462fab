#include "gateway/runtime/poller.h"

#include <unistd.h>

#include <stdexcept>

#include "gateway/runtime/system_calls.h"

namespace sluice {

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (fd_ < 0) throw std::runtime_error("epoll_create1 failed");
}

Poller::~Poller() {
  ::close(fd_);
}

bool Poller::add(int fd, Watcher& watcher) noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
  event.data.ptr = &watcher;
  return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::remove(int fd, Watcher& watcher) noexcept {
  epoll_event unused{};
  epoll_ctl(fd_, EPOLL_CTL_DEL, fd, &unused);
  for (std::size_t i = next_ == 0 ? 0 : next_ - 1; i < found_; ++i) {
    if (batch_[i].data.ptr == &watcher) batch_[i].data.ptr = nullptr;
  }
}

void Poller::add_set(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = this;
  if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0) throw std::runtime_error("epoll_ctl failed");
}

bool Poller::look(int timeout_ms) noexcept {
  const int found = wait_for_events(fd_, batch_.data(), static_cast<int>(kBatch), timeout_ms);
  found_ = found > 0 ? static_cast<std::size_t>(found) : 0;
  return found_ != 0;
}

bool Poller::tell() noexcept {
  bool other_set = false;
  for (next_ = 0; next_ < found_;) {
    const epoll_event event = batch_[next_++];
    if (event.data.ptr == this) {
      other_set = true;
    } else if (event.data.ptr != nullptr) {
      ++told_;
      static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    }
  }
  next_ = found_ = 0;
  return other_set;
}

}  // namespace sluice
