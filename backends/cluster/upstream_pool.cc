#include "backends/cluster/upstream_pool.h"

#include <algorithm>
#include <utility>

namespace sluice {

class UpstreamPool::Connection final : public ListNode<UpstreamPool>, private ReadyListener {
 public:
  Connection(UpstreamPool& pool, std::unique_ptr<Transport> transport)
      : http(std::move(transport), pool.options_.head),
        pool_(pool),
        expires_(expiry(pool)),
        idle_timer_(&expired, this) {}

  void begin_idle() {
    http.reset();
    // What was asked for stays pending and serves the next answer's first wait.
    http.transport().listen(Direction::kRead, this);
    pool_.loop_.arm(idle_timer_, std::min(pool_.loop_.now() + pool_.options_.idle_timeout, expires_));
  }
  void end_idle() {
    used_ = true;
    idle_timer_.disarm();
    http.transport().listen(Direction::kRead, nullptr);
  }

  bool is_too_old() const noexcept { return pool_.loop_.now() >= expires_; }

  http1::ClientConnection http;

 private:
  static TimePoint expiry(UpstreamPool& pool) noexcept {
    const Duration lifetime = pool.options_.max_lifetime;
    if (lifetime == Duration::zero()) return kNever;
    const auto tenth = static_cast<std::uint64_t>(lifetime.count()) / 10 + 1;
    return pool.loop_.now() + lifetime -
           Duration(static_cast<std::int64_t>(pool.loop_.random().below(tenth)));
  }
  void on_ready() override {
    if (http.silent()) return http.transport().listen(Direction::kRead, this);
    // Closed by the server, before anybody had a use for it.
    if (!used_) pool_.warm_backoff_.failed();
    pool_.drop(*this);
  }
  static void expired(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    if (connection.is_too_old()) connection.pool_.metrics_.retired.add();
    connection.pool_.warm_backoff_.succeeded();
    connection.pool_.drop(connection);
  }

  UpstreamPool& pool_;
  TimePoint expires_;
  bool used_ = false;
  Timer idle_timer_;
};

// A place among the pool's connections, kept when the connection is there and given back otherwise.
class UpstreamPool::ConnectPlace {
 public:
  explicit ConnectPlace(UpstreamPool& pool) noexcept : pool_(pool) {
    ++pool_.open_;
    pool_.metrics_.open.add(1);
  }
  ConnectPlace(const ConnectPlace&) = delete;
  ~ConnectPlace() {
    if (!kept_) pool_.forget();
  }
  void keep() noexcept { kept_ = true; }

 private:
  UpstreamPool& pool_;
  bool kept_ = false;
};

// A request's place in the queue.
class UpstreamPool::Turn final : public Waiter {
 public:
  enum class Outcome : std::uint8_t {
    kRoom,       // promised to it, to be taken before anything else runs
    kLate,       // the deadline passed
    kElsewhere,  // the endpoint speaks HTTP/2 now
  };

  Turn(UpstreamPool& pool, TimePoint deadline) noexcept
      : pool_(pool), deadline_(deadline), timer_(&expired, this) {
    ++pool_.waiting_;
    pool_.metrics_.waiting.add(1);
  }
  ~Turn() {
    --pool_.waiting_;
    pool_.metrics_.waiting.add(-1);
    if (!granted_) return;
    // The client left between the grant and its turn: without this the room would be nobody's.
    --pool_.granted_;
    pool_.grant_room();
  }

  void grant() noexcept {
    granted_ = true;
    ++pool_.granted_;
    timer_.disarm();
    pool_.loop_.make_ready(*this);
  }

  void send_elsewhere() noexcept {
    elsewhere_ = true;
    timer_.disarm();
    pool_.loop_.make_ready(*this);
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    coroutine = awaiting;
    pool_.queue_.push_back(*this);
    pool_.loop_.arm(timer_, deadline_);
  }
  Outcome await_resume() noexcept {
    if (!std::exchange(granted_, false)) return elsewhere_ ? Outcome::kElsewhere : Outcome::kLate;
    --pool_.granted_;
    return Outcome::kRoom;
  }

 private:
  static void expired(void* self) {
    auto& turn = *static_cast<Turn*>(self);
    turn.pool_.loop_.make_ready(turn);
  }

  UpstreamPool& pool_;
  TimePoint deadline_;
  Timer timer_;
  bool granted_ = false;
  bool elsewhere_ = false;
};

UpstreamPool::UpstreamPool(Loop& loop, Connector& connector, Address address, const PoolOptions& options,
                           PoolMetrics metrics)
    : loop_(loop),
      connector_(connector),
      address_(std::move(address)),
      options_(options),
      metrics_(metrics),
      warm_backoff_(loop),
      idle_taken_(loop) {
  const UpstreamProtocol protocol = options_.protocol;
  if (protocol != UpstreamProtocol::kHttp1) {
    MultiplexedPool::Http1Pool& http1 = *this;
    multiplexed_.emplace(loop_, connector_, address_, options_, metrics_, http1);
    speaks_h2_ = true;
  }
  const bool may_be_http1 = protocol == UpstreamProtocol::kHttp1 || protocol == UpstreamProtocol::kAuto;
  if (may_be_http1 && options_.prewarm > 0) warming_.spawn(keep_warm());
}

UpstreamPool::~UpstreamPool() {
  retire();
}

void UpstreamPool::retire() noexcept {
  retired_ = true;
  warming_.cancel_all();
  if (multiplexed_) multiplexed_->retire();
  close_idle();
}

void UpstreamPool::close_idle() noexcept {
  if (multiplexed_) multiplexed_->close_idle();
  while (!idle_.empty())
    drop(idle_.front());
}

bool UpstreamPool::has_room() const noexcept {
  return idle_count_ + options_.max_connections > open_ + granted_;
}

void UpstreamPool::grant_room() noexcept {
  while (!queue_.empty() && has_room())
    static_cast<Turn*>(queue_.pop_front())->grant();
}

Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire(Duration connect_timeout, TimePoint queue_deadline,
                                                        Observer& observer) {
  if (!speaks_h2_ && has_room() && !idle_.empty()) return Result<Lease>(take_idle());
  return acquire_slowly(connect_timeout, queue_deadline, observer);
}

UpstreamPool::Lease UpstreamPool::take_idle() {
  Connection* connection = idle_.pop_front();
  --idle_count_;
  metrics_.idle.add(-1);
  connection->end_idle();
  warm_backoff_.succeeded();
  idle_taken_.notify_all();
  return Lease(*this, std::unique_ptr<Connection>(connection));
}

// False: the endpoint speaks HTTP/2 now.
Task<Result<bool>> UpstreamPool::wait_for_room(TimePoint queue_deadline) {
  if (waiting_ >= options_.max_waiting) {
    metrics_.overflows.add();
    co_return fail(ErrorKind::kOverloaded, "pool.max_waiting requests wait for " + address_.to_string());
  }
  Turn turn(*this, queue_deadline);
  const Turn::Outcome outcome = co_await turn;
  if (outcome == Turn::Outcome::kLate) {
    metrics_.overflows.add();
    co_return fail(ErrorKind::kOverloaded,
                   "no connection to " + address_.to_string() + " became free in time");
  }
  co_return outcome == Turn::Outcome::kRoom;
}

Task<Result<UpstreamPool::Lease>> UpstreamPool::acquire_slowly(Duration connect_timeout,
                                                               TimePoint queue_deadline, Observer& observer) {
  // More than once only where a connection turns out to speak the other protocol than the last one.
  for (;;) {
    if (speaks_h2_) {
      Result<std::unique_ptr<ClientStream>> stream =
          co_await multiplexed_->acquire(connect_timeout, queue_deadline, observer);
      if (!stream) co_return fail(std::move(stream.error()));
      if (*stream) co_return Lease(std::move(*stream));
      continue;
    }
    if (!has_room()) {
      const Result<bool> room = co_await wait_for_room(queue_deadline);
      if (!room) co_return fail(room.error());
      if (!*room) continue;
    }
    if (!idle_.empty()) co_return take_idle();
    observer.on_connecting();
    Result<std::unique_ptr<Connection>> opened = co_await open(connect_timeout);
    if (!opened) co_return fail(std::move(opened.error()));
    if (*opened) co_return Lease(*this, std::move(*opened));
  }
}

void UpstreamPool::take_http1(std::unique_ptr<Transport> transport) {
  speaks_h2_ = false;
  ++open_;
  metrics_.open.add(1);
  add_idle(std::make_unique<Connection>(*this, std::move(transport)));
  idle_taken_.notify_all();
}

void UpstreamPool::speak_h2(std::unique_ptr<Transport> transport) {
  speaks_h2_ = true;
  multiplexed_->adopt(std::move(transport));
  while (!queue_.empty())
    static_cast<Turn*>(queue_.pop_front())->send_elsewhere();
}

bool UpstreamPool::wants_warm() const noexcept {
  return !speaks_h2_ && idle_count_ < options_.prewarm && open_ + granted_ < options_.max_connections;
}

Task<void> UpstreamPool::keep_warm() {
  for (;;) {
    while (!wants_warm())
      (void)co_await idle_taken_.wait();
    if (warm_backoff_.next_try() > loop_.now()) {
      co_await sleep_until(loop_, warm_backoff_.next_try());
      continue;
    }
    Result<std::unique_ptr<Connection>> opened = co_await open(kPrewarmConnectTimeout);
    if (!opened) {
      warm_backoff_.failed();
    } else if (*opened) {
      metrics_.prewarms.add();
      add_idle(std::move(*opened));
    }
  }
}

Task<Result<std::unique_ptr<UpstreamPool::Connection>>> UpstreamPool::open(Duration connect_timeout) {
  ConnectPlace place(*this);
  metrics_.connects.add();
  Result<std::unique_ptr<Transport>> transport =
      co_await connector_.connect(address_, loop_.now() + connect_timeout);
  if (!transport) {
    metrics_.connect_failures.add();
    co_return fail(std::move(transport.error()));
  }
  if (options_.protocol == UpstreamProtocol::kAuto && agreed_on_h2(**transport)) {
    speak_h2(std::move(*transport));
    co_return std::unique_ptr<Connection>();
  }
  auto connection = std::make_unique<Connection>(*this, std::move(*transport));
  place.keep();
  co_return connection;
}

void UpstreamPool::give_back(std::unique_ptr<Connection> connection) noexcept {
  // Where somebody waits there is no idle connection, and this one is not idle for long.
  const bool wanted = !retired_ && (!queue_.empty() || idle_count_ < options_.max_idle);
  const bool too_old = connection->is_too_old();
  if (!connection->http.reusable() || !wanted || too_old) {
    if (too_old) metrics_.retired.add();
    connection.reset();
    forget();
    return;
  }
  add_idle(std::move(connection));
}

void UpstreamPool::add_idle(std::unique_ptr<Connection> connection) noexcept {
  ++idle_count_;
  metrics_.idle.add(1);
  Connection& idle = *connection.release();
  idle_.push_front(idle);
  idle.begin_idle();
  grant_room();
}

void UpstreamPool::forget() noexcept {
  --open_;
  metrics_.open.add(-1);
  grant_room();
  idle_taken_.notify_all();
}

void UpstreamPool::drop(Connection& connection) noexcept {
  --idle_count_;
  metrics_.idle.add(-1);
  delete &connection;
  forget();
}

UpstreamPool::Lease::Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection) noexcept
    : pool_(&pool), connection_(std::move(connection)) {}

UpstreamPool::Lease::Lease(std::unique_ptr<ClientStream> stream) noexcept : stream_(std::move(stream)) {}

UpstreamPool::Lease::Lease(Lease&& other) noexcept = default;

UpstreamPool::Lease::~Lease() {
  if (connection_) pool_->give_back(std::move(connection_));
}

ClientStream& UpstreamPool::Lease::stream() noexcept {
  if (stream_) return *stream_;
  return connection_->http;
}

}  // namespace sluice
