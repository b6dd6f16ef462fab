#include "gateway/net/hangup_watch.h"

#include <sys/epoll.h>

#include <stdexcept>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace asio = boost::asio;

namespace sluice {

struct HangupWatch::Reactor {
  Reactor(asio::io_context& io, int fd, HangupWatch& w) : descriptor(io, fd), watch(&w) {}
  asio::posix::stream_descriptor descriptor;
  HangupWatch* watch;  // null once destroyed
};

HangupWatch::HangupWatch(Loop& loop) {
  const int fd = epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::runtime_error("epoll_create1 failed");
  reactor_ = std::make_shared<Reactor>(loop.io(), fd, *this);
  entries_.emplace_back();  // id 0 means none
  wait();
}

HangupWatch::~HangupWatch() {
  reactor_->watch = nullptr;
  boost::system::error_code ignored;
  reactor_->descriptor.close(ignored);
}

HangupWatch::Id HangupWatch::add(int fd, Owner& owner) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
    free_.reserve(entries_.size());
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Entry& entry = entries_[slot];
  entry.owner = &owner;
  const Id id = (static_cast<Id>(++entry.generation) << 32) | slot;
  epoll_event event{};
  event.events = EPOLLRDHUP | EPOLLPRI | EPOLLET;
  event.data.u64 = id;
  if (epoll_ctl(reactor_->descriptor.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0) return id;
  entry.owner = nullptr;
  free_.push_back(slot);
  return 0;
}

void HangupWatch::remove(int fd, Id id) noexcept {
  if (id == 0) return;
  const auto slot = static_cast<std::uint32_t>(id);
  entries_[slot].owner = nullptr;
  free_.push_back(slot);
  epoll_event unused{};
  epoll_ctl(reactor_->descriptor.native_handle(), EPOLL_CTL_DEL, fd, &unused);
}

void HangupWatch::wait() {
  reactor_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [r = reactor_](const boost::system::error_code& ec) {
                                    if (ec || r->watch == nullptr) return;
                                    r->watch->drain();
                                    r->watch->wait();
                                  });
}

void HangupWatch::drain() {
  constexpr int kBatch = 64;
  epoll_event events[kBatch];
  const int n = epoll_wait(reactor_->descriptor.native_handle(), events, kBatch, 0);
  for (int i = 0; i < n; ++i) {
    Entry& entry = entries_[static_cast<std::uint32_t>(events[i].data.u64)];
    // An owner told earlier in this batch may have removed or replaced this one.
    if (entry.owner == nullptr || entry.generation != events[i].data.u64 >> 32) continue;
    if ((events[i].events & EPOLLPRI) != 0) entry.owner->on_urgent_data();
    constexpr std::uint32_t kGone = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events[i].events & kGone) != 0) entry.owner->on_peer_gone();
  }
}

}  // namespace sluice
