#include "gateway/runtime/turn_reactor.h"

#include <stdexcept>

#include <boost/version.hpp>

#include "gateway/runtime/poller.h"

namespace asio = boost::asio;

// What is used here is internal to Asio: another release has to be read before it is trusted.
static_assert(BOOST_VERSION / 100 == 1081, "read docs/adr/0020-own-poller.md, then extend this");

namespace sluice {
namespace {

// Asio tells nobody these descriptors. An explicit instantiation may name what is private
// ([temp.spec.general]).
using Reactor = asio::detail::epoll_reactor;
int epoll_set_of(const Reactor& reactor);
int timer_of(const Reactor& reactor);
template <int Reactor::* kSet, int Reactor::* kTimer>
struct Descriptors {
  friend int epoll_set_of(const Reactor& reactor) { return reactor.*kSet; }
  friend int timer_of(const Reactor& reactor) { return reactor.*kTimer; }
};
template struct Descriptors<&Reactor::epoll_fd_, &Reactor::timer_fd_>;

int milliseconds(long usec) noexcept {
  return usec < 0 ? -1 : static_cast<int>((usec + 999) / 1000);
}

}  // namespace

TurnReactor::TurnReactor(asio::io_context& io, Poller& poller, Callback callback, void* owner)
    : epoll_reactor(io), poller_(poller), callback_(callback), owner_(owner) {
  // Without one Asio would have to be asked how long to wait.
  if (timer_of(*this) < 0) throw std::runtime_error("timerfd_create failed");
  poller_.add_set(epoll_set_of(*this));
}

// The scheduler runs what it finds in `ops`, in this order, and then calls this again.
void TurnReactor::run(long usec, asio::detail::op_queue<asio::detail::scheduler_operation>& ops) {
  const bool found = poller_.look(milliseconds(usec));
  ++turns_;
  if (!found) return;
  turn_pending_ = true;
  if (poller_.tell()) epoll_reactor::run(0, ops);
  if (ops.empty()) {
    end_turn();
  } else {
    ops.push(&end_);
  }
}

void TurnReactor::end_turn() {
  turn_pending_ = false;
  callback_(owner_);
}

void TurnReactor::End::complete(void* scheduler, scheduler_operation* base, const boost::system::error_code&,
                                std::size_t) {
  auto& reactor = static_cast<End*>(base)->reactor;
  if (scheduler == nullptr) return;  // the context is being destroyed
  // Each operation that ends is one piece of work less; nobody counted this one.
  static_cast<asio::detail::scheduler*>(scheduler)->compensating_work_started();
  reactor.end_turn();
}

}  // namespace sluice
