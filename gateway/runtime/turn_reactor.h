#pragma once

#include <cstdint>

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/io_context.hpp>

namespace sluice {

// Asio's reactor that also calls a function behind each batch of events, before it looks for the next: what
// all of them asked for is done then. A function posted meanwhile would run only after another look, which is
// a system call.
//
// Uses Asio's internals; docs/adr/0017-edges-from-the-reactor.md says why and how far.
// Threads: the context's only.
class TurnReactor final : public boost::asio::detail::epoll_reactor {
 public:
  using Callback = void (*)(void* owner);

  // To be given to add_service<epoll_reactor>() before anything asks the context for a reactor.
  TurnReactor(boost::asio::io_context& io, Callback callback, void* owner);

  // The callback is still to come in this turn.
  bool turn_pending() const noexcept { return end_.queued; }
  // Looks for events so far.
  std::uint64_t turns() const noexcept { return turns_; }

  void run(long usec, boost::asio::detail::op_queue<boost::asio::detail::scheduler_operation>& ops) override;

 private:
  struct End final : boost::asio::detail::scheduler_operation {
    End(Callback c, void* o) : scheduler_operation(&complete), callback(c), owner(o) {}
    static void complete(void* scheduler, scheduler_operation* base, const boost::system::error_code&,
                         std::size_t);

    Callback callback;
    void* owner;
    bool queued = false;
  };

  End end_;
  std::uint64_t turns_ = 0;
};

}  // namespace sluice
