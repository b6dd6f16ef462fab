#pragma once

#include <cstdint>

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/io_context.hpp>

namespace sluice {

class Poller;

// Asio's reactor with a Poller in front of it, where its epoll set is one member among the sockets: each look
// for events is the Poller's, and Asio is asked only when that set has something. Behind each batch of events
// it calls a function, before it looks for the next: what all of them asked for is done then.
//
// Uses Asio's internals; docs/adr/0020-own-poller.md says why and how far.
// Threads: the context's only.
class TurnReactor final : public boost::asio::detail::epoll_reactor {
 public:
  using Callback = void (*)(void* owner);

  // To be given to add_service<epoll_reactor>() before anything asks the context for a reactor. The poller
  // outlives it.
  TurnReactor(boost::asio::io_context& io, Poller& poller, Callback callback, void* owner);

  // The callback is still to come in this turn.
  bool turn_pending() const noexcept { return turn_pending_; }
  // Looks for events so far.
  std::uint64_t turns() const noexcept { return turns_; }

  void run(long usec, boost::asio::detail::op_queue<boost::asio::detail::scheduler_operation>& ops) override;

 private:
  struct End final : boost::asio::detail::scheduler_operation {
    explicit End(TurnReactor& r) : scheduler_operation(&complete), reactor(r) {}
    static void complete(void* scheduler, scheduler_operation* base, const boost::system::error_code&,
                         std::size_t);

    TurnReactor& reactor;
  };

  void end_turn();

  Poller& poller_;
  Callback callback_;
  void* owner_;
  End end_{*this};
  bool turn_pending_ = false;
  std::uint64_t turns_ = 0;
};

}  // namespace sluice
