#include "gateway/runtime/turn_reactor.h"

#include <boost/version.hpp>

namespace asio = boost::asio;

// What is used here is internal to Asio: another release has to be read before it is trusted.
static_assert(BOOST_VERSION / 100 == 1081, "read docs/adr/0017-edges-from-the-reactor.md, then extend this");

namespace sluice {

TurnReactor::TurnReactor(asio::io_context& io, Callback callback, void* owner)
    : epoll_reactor(io), end_(callback, owner) {}

// The scheduler runs what it finds in `ops`, in this order, and then calls this again.
void TurnReactor::run(long usec, asio::detail::op_queue<asio::detail::scheduler_operation>& ops) {
  epoll_reactor::run(usec, ops);
  ++turns_;
  if (ops.empty()) return;
  end_.queued = true;
  ops.push(&end_);
}

void TurnReactor::End::complete(void* scheduler, scheduler_operation* base, const boost::system::error_code&,
                                std::size_t) {
  auto& end = *static_cast<End*>(base);
  end.queued = false;
  if (scheduler == nullptr) return;  // the context is being destroyed
  // Each operation that ends is one piece of work less; nobody counted this one.
  static_cast<asio::detail::scheduler*>(scheduler)->compensating_work_started();
  end.callback(end.owner);
}

}  // namespace sluice
