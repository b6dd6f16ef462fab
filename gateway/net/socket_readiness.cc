#include "gateway/net/socket_readiness.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/detail/reactor_op.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/version.hpp>

namespace asio = boost::asio;
using asio::detail::epoll_reactor;
using asio::detail::reactor_op;
using asio::detail::scheduler_operation;

// What is used here is internal to Asio: another release has to be read before it is trusted.
static_assert(BOOST_VERSION / 100 == 1081, "read docs/adr/0017-edges-from-the-reactor.md, then extend this");

namespace sluice {

// Held by its owner, by each operation that the reactor has, and by what was posted.
struct SocketReadiness::Registration {
  class Hold {
   public:
    explicit Hold(Registration* r) noexcept : registration_(r) { ++r->holds_; }
    Hold(Hold&& other) noexcept : registration_(std::exchange(other.registration_, nullptr)) {}
    ~Hold() {
      if (registration_ != nullptr && --registration_->holds_ == 0) delete registration_;
    }
    Registration* operator->() const noexcept { return registration_; }

   private:
    Registration* registration_;
  };

  struct Side final : reactor_op {
    Side(Registration& of, Direction d)
        : reactor_op({}, &perform, &complete), registration(of), direction(d) {}

    // Asked when an edge came, and by start_op() if one came while nobody was in the queue.
    static status perform(reactor_op* base) {
      return static_cast<const Side&>(*base).starting ? not_done : done_and_exhausted;
    }
    // Without a scheduler when the loop is destroyed with the operation in it.
    static void complete(void* scheduler, scheduler_operation* base, const boost::system::error_code&,
                         std::size_t) {
      auto& side = static_cast<Side&>(*static_cast<reactor_op*>(base));
      const Hold hold(&side.registration);
      --side.registration.holds_;
      side.queued = false;
      if (scheduler == nullptr) return;
      const Loop::Event event(side.registration.loop);
      side.registration.on_edge(side);
    }

    Registration& registration;
    Direction direction;
    bool queued = false;    // the reactor has it
    bool starting = false;  // for the first time: what the reactor believes of the past is not asked
    bool awaited = false;   // the owner waits
    bool ready = false;     // there was an edge since the last move that found the socket exhausted
  };

  Registration(Loop& l, int descriptor, Owner& o)
      : loop(l), reactor(asio::use_service<epoll_reactor>(l.io())), fd(descriptor), owner(&o) {
    failed = reactor.register_descriptor(fd, data) != 0;
    if (failed) {
      // Without edges (ENOSPC: fs.epoll.max_user_watches) its users would try for ever: let them see an end.
      ::shutdown(fd, SHUT_RDWR);
    } else {
      start(read, /*first=*/true);
    }
  }

  void start(Side& side, bool first) {
    ++holds_;
    side.queued = true;
    side.ec_ = {};
    side.starting = first;
    const int operation =
        side.direction == Direction::kRead ? epoll_reactor::read_op : epoll_reactor::write_op;
    reactor.start_op(operation, fd, data, &side, /*is_continuation=*/false, /*allow_speculative=*/true);
    side.starting = false;
  }

  void on_edge(Side& side) {
    if (side.ec_) failed = true;
    side.ready = true;
    // Back in the queue before the owner has its say: no edge passes unseen. For writing, which seldom waits,
    // the reactor's own note of the last edge does.
    if (side.direction == Direction::kRead && !failed) start(read, /*first=*/false);
    tell(side);
  }

  void tell(Side& side) {
    if (owner != nullptr && std::exchange(side.awaited, false)) owner->on_socket_ready(side.direction);
  }

  void post(Side& side) {
    loop.post([hold = Hold(this), &side] { hold->tell(side); });
  }

  void close() noexcept {
    if (fd < 0) return;
    failed = true;
    // Not "closing": a child between fork and exec may hold the descriptor, and with it the registration.
    if (data != nullptr) reactor.deregister_descriptor(fd, data, /*closing=*/false);
    ::close(std::exchange(fd, -1));
    // An event of this turn may still be queued in the reactor's record of the descriptor. It must not be
    // taken for one of the next descriptor that gets the record.
    if (data != nullptr)
      loop.post([hold = Hold(this)] { hold->reactor.cleanup_descriptor_data(hold->data); });
  }

  Loop& loop;
  epoll_reactor& reactor;
  epoll_reactor::per_descriptor_data data = nullptr;
  int fd;
  Owner* owner;
  bool failed = false;  // closed, or unknown to the reactor: no edge will come, and no move will block
  bool knows_writes = false;
  Side read{*this, Direction::kRead};
  Side write{*this, Direction::kWrite};
  int holds_ = 0;
};

SocketReadiness::SocketReadiness(Loop& loop, int fd, Owner& owner)
    : registration_(new Registration(loop, fd, owner)) {
  ++registration_->holds_;
}

SocketReadiness::~SocketReadiness() {
  const Registration::Hold hold(registration_);
  --registration_->holds_;
  registration_->owner = nullptr;
  registration_->close();
}

void SocketReadiness::drained() noexcept {
  registration_->read.ready = false;
}

bool SocketReadiness::may_have_input() const noexcept {
  return registration_->read.ready;
}

void SocketReadiness::filled() noexcept {
  registration_->write.ready = false;
}

void SocketReadiness::refilled() {
  registration_->read.ready = true;
  if (registration_->read.awaited) registration_->post(registration_->read);
}

void SocketReadiness::wait(Direction direction) {
  Registration& r = *registration_;
  Registration::Side& side = direction == Direction::kRead ? r.read : r.write;
  side.awaited = true;
  if (r.failed || side.ready) {
    r.post(side);
  } else if (direction == Direction::kWrite && !side.queued) {
    r.start(side, !std::exchange(r.knows_writes, true));
  }
}

void SocketReadiness::close() noexcept {
  registration_->close();
}

}  // namespace sluice
