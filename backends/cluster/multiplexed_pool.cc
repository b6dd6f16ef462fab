#include "backends/cluster/multiplexed_pool.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gateway/http/http2/client_connection.h"
#include "gateway/http/http2/request_stream.h"

namespace sluice {
namespace {

constexpr Duration kPrewarmConnectTimeout = std::chrono::seconds(5);
http2::ClientLimits limits_of(const PoolOptions& options) {
  http2::ClientLimits limits = options.http2;
  limits.head = options.head;
  return limits;
}

}  // namespace

class MultiplexedPool::Connection final : public ListNode<MultiplexedPool>,
                                          private http2::ClientConnection::Owner {
 public:
  Connection(MultiplexedPool& pool, std::unique_ptr<Transport> transport)
      : http(std::move(transport), limits_of(pool.options_), pool.metrics_.http2,
             pool.options_.protocol == UpstreamProtocol::kH2c ? "http" : "https", *this),
        pool_(pool),
        expires_(pool.expiry()),
        idle_timer_(&expired, this) {}

  // Idle or not, as its streams say.
  void settle() {
    const bool idle = http.streams() == 0;
    used_ = used_ || !idle;
    if (idle == idle_) return;
    idle_ = idle;
    idle ? ++pool_.idle_count_ : --pool_.idle_count_;
    pool_.metrics_.idle.add(idle ? 1 : -1);
    if (idle) {
      pool_.loop_.arm(idle_timer_, std::min(pool_.loop_.now() + pool_.options_.idle_timeout, expires_));
    } else {
      idle_timer_.disarm();
    }
  }
  bool idle() const noexcept { return idle_; }
  bool used() const noexcept { return used_; }
  bool is_too_old() const noexcept { return pool_.loop_.now() >= expires_; }
  // Takes no further requests because of its age; counted once.
  void retire_for_age() noexcept {
    if (!http.draining()) pool_.metrics_.retired.add();
    http.drain();
  }

  http2::ClientConnection http;

 private:
  void on_connection_changed(http2::ClientConnection&) override { pool_.on_change(*this); }
  static void expired(void* self) {
    auto& connection = *static_cast<Connection*>(self);
    if (connection.is_too_old()) connection.retire_for_age();
    connection.pool_.warm_backoff_.succeeded();
    connection.pool_.remove(connection);
  }

  MultiplexedPool& pool_;
  TimePoint expires_;
  bool idle_ = false;
  bool used_ = false;
  Timer idle_timer_;
};

// A place among the connections and among those being opened, until the attempt's end.
class MultiplexedPool::ConnectPlace {
 public:
  explicit ConnectPlace(MultiplexedPool& pool) noexcept : pool_(pool) {
    ++pool_.open_;
    ++pool_.connecting_;
    pool_.metrics_.open.add(1);
  }
  ConnectPlace(const ConnectPlace&) = delete;
  ~ConnectPlace() {
    --pool_.connecting_;
    --pool_.open_;
    pool_.metrics_.open.add(-1);
  }

 private:
  MultiplexedPool& pool_;
};

// A request's place in the queue. co_await ends when it has a stream, an error, or its deadline passed.
class MultiplexedPool::Turn final : public Waiter {
 public:
  Turn(MultiplexedPool& pool, TimePoint deadline) noexcept
      : pool_(pool), deadline_(deadline), timer_(&expired, this) {
    ++pool_.waiting_;
    pool_.metrics_.waiting.add(1);
  }
  ~Turn() { leave(); }

  void grant(std::unique_ptr<http2::RequestStream> granted) {
    stream = std::move(granted);
    wake();
  }
  void refuse(const Error& why) {
    error = why;
    wake();
  }
  void send_elsewhere() {
    elsewhere = true;
    wake();
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) noexcept {
    coroutine = awaiting;
    pool_.queue_.push_back(*this);
    pool_.loop_.arm(timer_, deadline_);
  }
  void await_resume() const noexcept {}

  // Its destruction, if the client left between the grant and its turn, gives the room back.
  std::unique_ptr<http2::RequestStream> stream;
  std::optional<Error> error;
  bool elsewhere = false;

 private:
  // What has a stream, or knows that it gets none, waits no more: no connection is opened for it.
  void leave() noexcept {
    if (std::exchange(left_, true)) return;
    --pool_.waiting_;
    pool_.metrics_.waiting.add(-1);
  }
  void wake() {
    leave();
    timer_.disarm();
    pool_.loop_.make_ready(*this);
  }
  static void expired(void* self) {
    auto& turn = *static_cast<Turn*>(self);
    turn.leave();
    turn.pool_.loop_.make_ready(turn);
  }

  MultiplexedPool& pool_;
  TimePoint deadline_;
  Timer timer_;
  bool left_ = false;
};

MultiplexedPool::MultiplexedPool(Loop& loop, Connector& connector, const Address& address,
                                 const PoolOptions& options, const PoolMetrics& metrics, Http1Pool& http1)
    : loop_(loop),
      connector_(connector),
      address_(address),
      options_(options),
      metrics_(metrics),
      http1_(http1),
      warm_backoff_(loop),
      closed_(loop) {
  if (options_.prewarm > 0) tasks_.spawn(keep_warm());
}

MultiplexedPool::~MultiplexedPool() {
  retire();
}

void MultiplexedPool::retire() noexcept {
  retired_ = true;
  closed_.notify_all();
  connections_.for_each([](Connection& connection) { connection.http.drain(); });
  close_idle();
}

void MultiplexedPool::close_idle() noexcept {
  connections_.for_each([this](Connection& connection) {
    if (connection.http.streams() == 0) remove(connection);
  });
}

TimePoint MultiplexedPool::expiry() noexcept {
  const Duration lifetime = options_.max_lifetime;
  if (lifetime == Duration::zero()) return kNever;
  const auto tenth = static_cast<std::uint64_t>(lifetime.count()) / 10 + 1;
  return loop_.now() + lifetime - Duration(static_cast<std::int64_t>(loop_.random().below(tenth)));
}

MultiplexedPool::Connection* MultiplexedPool::with_room() noexcept {
  Connection* found = nullptr;
  connections_.for_each([&](Connection& connection) {
    if (found != nullptr || connection.http.room() == 0) return;
    if (connection.is_too_old()) return connection.retire_for_age();
    found = &connection;
  });
  return found;
}

Task<Result<std::unique_ptr<ClientStream>>> MultiplexedPool::acquire(Duration connect_timeout,
                                                                     TimePoint queue_deadline,
                                                                     PoolObserver& observer) {
  if (queue_.empty()) {
    if (Connection* connection = with_room()) {
      std::unique_ptr<ClientStream> stream = connection->http.begin();
      connection->settle();
      warm_backoff_.succeeded();
      co_return stream;
    }
  }
  // Those who will share a connection that is being opened, or may be, wait for nothing that is scarce.
  const std::size_t places =
      options_.max_connections - std::min(open_, options_.max_connections) + connecting_;
  if (waiting_ >= options_.max_waiting + places * streams_per_connect()) {
    metrics_.overflows.add();
    co_return fail(ErrorKind::kOverloaded, "pool.max_waiting requests wait for " + address_.to_string());
  }
  Turn turn(*this, queue_deadline);
  connect_timeout_ = connect_timeout;
  grow();
  if (connecting_ > 0) observer.on_connecting();
  co_await turn;
  if (turn.elsewhere) co_return std::unique_ptr<ClientStream>();
  if (turn.error) co_return fail(std::move(*turn.error));
  if (turn.stream) co_return std::unique_ptr<ClientStream>(std::move(turn.stream));
  metrics_.overflows.add();
  co_return fail(ErrorKind::kOverloaded, "no connection to " + address_.to_string() + " became free in time");
}

std::size_t MultiplexedPool::streams_per_connect() const noexcept {
  return std::min<std::size_t>(options_.http2.max_streams, http2::ClientConnection::kStreamsBeforeSettings);
}

void MultiplexedPool::serve() {
  while (!queue_.empty()) {
    Connection* connection = with_room();
    if (connection == nullptr) return;
    static_cast<Turn*>(queue_.pop_front())->grant(connection->http.begin());
    connection->settle();
  }
}

void MultiplexedPool::grow() {
  while (open_ < options_.max_connections && connecting_ * streams_per_connect() < waiting_)
    tasks_.spawn(connect());
}

Task<void> MultiplexedPool::connect() {
  (void)co_await open(connect_timeout_);
}

Task<bool> MultiplexedPool::open(Duration connect_timeout) {
  std::optional<ConnectPlace> place(std::in_place, *this);
  metrics_.connects.add();
  Result<std::unique_ptr<Transport>> transport =
      co_await connector_.connect(address_, loop_.now() + connect_timeout);
  // A server that knows no ALPN would take the requests for nonsense (RFC 9113 3.2).
  const bool agreed = !transport || options_.protocol == UpstreamProtocol::kH2c || agreed_on_h2(**transport);
  if (!agreed && options_.protocol == UpstreamProtocol::kAuto) {
    place.reset();
    speak_http1(std::move(*transport));
    co_return true;
  }
  if (!agreed) {
    transport = fail(ErrorKind::kConnectFailed, address_.to_string() + " does not agree to speak HTTP/2",
                     Retriable::kAlways);
  }
  if (!transport) {
    metrics_.connect_failures.add();
    place.reset();
    fail_waiting(transport.error());
    co_return false;
  }
  place.reset();
  add(std::move(*transport));
  co_return true;
}

void MultiplexedPool::add(std::unique_ptr<Transport> transport) {
  auto connection = std::make_unique<Connection>(*this, std::move(transport));
  ++open_;
  metrics_.open.add(1);
  Connection& opened = *connection.release();
  connections_.push_back(opened);
  serve();
  on_change(opened);
}

void MultiplexedPool::adopt(std::unique_ptr<Transport> transport) {
  speaks_http1_ = false;
  add(std::move(transport));
  closed_.notify_all();
}

void MultiplexedPool::speak_http1(std::unique_ptr<Transport> transport) {
  speaks_http1_ = true;
  http1_.take_http1(std::move(transport));
  while (!queue_.empty())
    static_cast<Turn*>(queue_.pop_front())->send_elsewhere();
}

// Whoever waits for a connection that is still being opened, or for a stream of one that goes on, goes on
// waiting.
void MultiplexedPool::fail_waiting(const Error& error) {
  bool hope = connecting_ > 0;
  connections_.for_each([&](Connection& connection) {
    hope = hope || (!connection.http.draining() && !connection.http.over());
  });
  if (hope) return;
  while (!queue_.empty())
    static_cast<Turn*>(queue_.pop_front())->refuse(error);
}

Task<void> MultiplexedPool::keep_warm() {
  while (!retired_) {
    while (!retired_ && (speaks_http1_ || open_ >= options_.prewarm || open_ >= options_.max_connections))
      (void)co_await closed_.wait();
    if (retired_) co_return;
    if (warm_backoff_.next_try() > loop_.now()) {
      co_await sleep_until(loop_, warm_backoff_.next_try());
      continue;
    }
    const bool opened = co_await open(kPrewarmConnectTimeout);
    if (opened) {
      if (!speaks_http1_) metrics_.prewarms.add();
    } else {
      warm_backoff_.failed();
    }
  }
}

void MultiplexedPool::on_change(Connection& connection) {
  if (retired_) connection.http.drain();
  if (connection.is_too_old()) connection.retire_for_age();
  connection.settle();
  if (connection.http.over()) {
    // Closed by the backend before anybody had a use for it: not to be replaced at once.
    if (!connection.used()) warm_backoff_.failed();
    remove(connection);
  } else if (connection.idle() && idle_count_ > options_.max_idle) {
    remove(connection);
  }
  serve();
  grow();
}

void MultiplexedPool::remove(Connection& connection) noexcept {
  if (connection.http.streams() != 0) return;
  if (connection.idle()) {
    --idle_count_;
    metrics_.idle.add(-1);
  }
  --open_;
  metrics_.open.add(-1);
  delete &connection;
  closed_.notify_all();
}

}  // namespace sluice
