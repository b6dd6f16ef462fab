#include "backends/cluster/upstream_pool.h"

#include <utility>

namespace sluice {

class UpstreamPool::Connection final : public ListNode<UpstreamPool>, private ReadyListener {
 public:
  Connection(UpstreamPool& pool, std::unique_ptr<Transport> transport)
      : http(std::move(transport), pool.options_.head), pool_(pool), idle_timer_(&expired, this) {}

  void begin_idle() {
    http.reset();
    // The registration stays with the reactor and serves the next answer's first wait.
    http.transport().listen(Direction::kRead, this);
    pool_.loop_.arm(idle_timer_, pool_.loop_.now() + pool_.options_.idle_timeout);
  }
  void end_idle() {
    idle_timer_.disarm();
    http.transport().listen(Direction::kRead, nullptr);
  }

  http1::ClientConnection http;

 private:
  void on_ready() override { pool_.drop(*this); }
  static void expired(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    connection.pool_.drop(connection);
  }

  UpstreamPool& pool_;
  Timer idle_timer_;
};

namespace {

// A place among the pool's connections, kept when the connection is there and given back otherwise.
class ConnectPlace {
 public:
  ConnectPlace(std::size_t& open, Gauge& gauge, Signal& room) noexcept
      : open_(open), gauge_(gauge), room_(room) {
    ++open_;
    gauge_.add(1);
  }
  ConnectPlace(const ConnectPlace&) = delete;
  ~ConnectPlace() {
    if (kept_) return;
    --open_;
    gauge_.add(-1);
    room_.notify_one();
  }
  void keep() noexcept { kept_ = true; }

 private:
  std::size_t& open_;
  Gauge& gauge_;
  Signal& room_;
  bool kept_ = false;
};

class CountWhileAlive {
 public:
  CountWhileAlive(std::size_t& count, Gauge& gauge) noexcept : count_(count), gauge_(gauge) {
    ++count_;
    gauge_.add(1);
  }
  CountWhileAlive(const CountWhileAlive&) = delete;
  ~CountWhileAlive() {
    --count_;
    gauge_.add(-1);
  }

 private:
  std::size_t& count_;
  Gauge& gauge_;
};

}  // namespace

UpstreamPool::UpstreamPool(Loop& loop, Connector& connector, Address address, const PoolOptions& options,
                           PoolMetrics metrics)
    : loop_(loop),
      connector_(connector),
      address_(std::move(address)),
      options_(options),
      metrics_(metrics),
      room_(loop) {}

UpstreamPool::~UpstreamPool() {
  while (!idle_.empty())
    drop(idle_.front());
}

Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire(Duration connect_timeout, TimePoint queue_deadline,
                                                        bool& connecting) {
  connecting = false;
  std::optional<CountWhileAlive> waiting;
  for (;;) {
    if (Connection* connection = idle_.pop_front()) {
      --idle_count_;
      metrics_.idle.add(-1);
      connection->end_idle();
      co_return Lease(*this, std::unique_ptr<Connection>(connection));
    }
    if (open_ < options_.max_connections) {
      connecting = true;
      co_return co_await open(connect_timeout);
    }
    if (!waiting) {
      if (waiting_ >= options_.max_waiting) {
        metrics_.overflows.add();
        co_return fail(ErrorKind::kOverloaded, "pool.max_waiting requests wait for " + address_.to_string());
      }
      waiting.emplace(waiting_, metrics_.waiting);
    }
    const bool in_time = co_await room_.wait(queue_deadline);
    if (!in_time) {
      metrics_.overflows.add();
      co_return fail(ErrorKind::kOverloaded,
                     "no connection to " + address_.to_string() + " became free in time");
    }
  }
}

Task<Result<UpstreamPool::Lease>> UpstreamPool::open(Duration connect_timeout) {
  ConnectPlace place(open_, metrics_.open, room_);
  metrics_.connects.add();
  Result<std::unique_ptr<Transport>> transport =
      co_await connector_.connect(address_, loop_.now() + connect_timeout);
  if (!transport) {
    metrics_.connect_failures.add();
    co_return fail(std::move(transport.error()));
  }
  auto connection = std::make_unique<Connection>(*this, std::move(*transport));
  place.keep();
  co_return Lease(*this, std::move(connection));
}

void UpstreamPool::give_back(std::unique_ptr<Connection> connection) noexcept {
  if (!connection->http.reusable() || idle_count_ >= options_.max_idle) {
    connection.reset();
    forget();
    return;
  }
  ++idle_count_;
  metrics_.idle.add(1);
  Connection& idle = *connection.release();
  idle_.push_front(idle);
  idle.begin_idle();
  room_.notify_one();
}

void UpstreamPool::forget() noexcept {
  --open_;
  metrics_.open.add(-1);
  room_.notify_one();
}

void UpstreamPool::drop(Connection& connection) noexcept {
  --idle_count_;
  metrics_.idle.add(-1);
  delete &connection;
  forget();
}

UpstreamPool::Lease::Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection) noexcept
    : pool_(&pool), connection_(std::move(connection)) {}

UpstreamPool::Lease::Lease(Lease&& other) noexcept = default;

UpstreamPool::Lease::~Lease() {
  if (connection_) pool_->give_back(std::move(connection_));
}

ClientStream& UpstreamPool::Lease::stream() noexcept {
  return connection_->http;
}

}  // namespace sluice
