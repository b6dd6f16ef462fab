#include "gateway/app/gateway.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "gateway/app/admin.h"
#include "gateway/app/process_metrics.h"
#include "gateway/base/prometheus_text.h"
#include "gateway/runtime/signal.h"

namespace sluice {
namespace {

void pin_to_processor(std::thread& thread, std::size_t index) {
  const std::size_t processors = std::max(1u, std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(index % processors, &set);
  pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::create(config::Config config, GatewayOptions options,
                                                 const TimeSource& time, Log& log) {
  std::unique_ptr<Gateway> gateway(new Gateway(std::move(config), options, time, log));
  if (Result<void> opened = gateway->open(); !opened) return fail(std::move(opened.error()));
  return gateway;
}

Gateway::Gateway(config::Config config, GatewayOptions options, const TimeSource& time, Log& log)
    : config_(std::move(config)),
      options_(options),
      time_(time),
      log_(log),
      control_(time, system_seed()),
      control_hangups_(control_) {
  streams_.max = config_.limits.max_streams;
}

Gateway::~Gateway() {
  for (auto& shard : shards_)
    shard->loop().stop();
  for (std::thread& thread : threads_)
    thread.join();
}

Result<void> Gateway::open() {
  LogSinkOptions log_options;
  log_options.target = LogTarget::parse(config_.observability.access_log.file);
  log_options.max_queued_lines = config_.observability.access_log.queue;
  Result<std::unique_ptr<LogSink>> sink = LogSink::open(std::move(log_options));
  if (!sink) return fail(std::move(sink.error()));
  access_log_ = std::move(*sink);

  shared_ = std::make_unique<SharedServices>(time_, registry_, streams_, *access_log_);
  for (const config::Cluster& c : config_.clusters) {
    for (const config::Endpoint& e : c.endpoints)
      endpoint_states_.push_back(registry_.get(c.name, e.address));
  }
  for (std::size_t i = 0; i < options_.threads; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, config_, *shared_, system_seed()));
  }
  if (Result<void> bound = listen(); !bound) return bound;
  return listen_admin();
}

Result<void> Gateway::listen() {
  for (const config::Listener& l : config_.listeners) {
    ConnectionLimit& limit = *connection_limits_.emplace_back(std::make_unique<ConnectionLimit>());
    limit.max = l.max_connections;
    Address address = l.address;
    ListenOptions options;
    options.backlog = static_cast<int>(l.backlog);
    options.reuse_port = shards_.size() > 1;
    if (options.reuse_port && address.port != 0) {
      // SO_REUSEPORT would let this process share the port of another gateway in silence: ask without it
      // first.
      ListenOptions alone = options;
      alone.reuse_port = false;
      if (Result<ListenSocket> probe = ListenSocket::bind(address, alone); !probe)
        return fail(std::move(probe.error()));
    }
    Result<ListenSocket> first = ListenSocket::bind(address, options);
    if (!first) return fail(std::move(first.error()));
    address = first->address();  // with the port that the system chose
    addresses_.push_back(address);
    for (std::size_t i = 1; i < shards_.size(); ++i) {
      Result<ListenSocket> next =
          address.kind == Address::Kind::kUnix ? first->duplicate() : ListenSocket::bind(address, options);
      if (!next) return fail(std::move(next.error()));
      shards_[i]->add_listener(l, std::move(*next), limit);
    }
    shards_[0]->add_listener(l, std::move(*first), limit);
  }
  return {};
}

Result<void> Gateway::listen_admin() {
  if (!config_.admin.enabled) return {};
  ListenOptions options;
  options.reuse_port = false;
  Result<ListenSocket> socket = ListenSocket::bind(config_.admin.address, options);
  if (!socket) return fail(std::move(socket.error()));
  admin_address_ = socket->address();
  admin_limit_.max = 64;
  admin_ = make_admin(*this);
  admin_server_ = std::make_unique<Server>(control_, control_hangups_, std::move(*socket), ServerOptions{},
                                           admin_limit_, *admin_);
  return {};
}

void Gateway::run() {
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    threads_.emplace_back([this, i] { shards_[i]->loop().run(); });
    if (options_.pin) pin_to_processor(threads_.back(), i);
  }
  control_.run();
}

void Gateway::stop() {
  // A second request to stop does not wait for anybody.
  if (std::exchange(draining_, true)) {
    control_.stop();
    return;
  }
  control_tasks_.spawn(drain());
}

Task<void> Gateway::drain() {
  for (auto& shard : shards_)
    shard->loop().post([s = shard.get()] { s->drain(); });
  const TimePoint deadline = control_.now() + kDrainTime;
  log_.info("draining", {{"streams", open_streams()}});
  do {
    co_await sleep_until(control_, control_.now() + std::chrono::milliseconds(20));
  } while (open_streams() > 0 && control_.now() < deadline);
  if (open_streams() > 0) log_.warning("streams cut at the end of draining", {{"streams", open_streams()}});
  control_.stop();
}

template <class T>
Task<std::vector<T>> Gateway::ask_shards(std::function<T(Shard&)> question) {
  // Owned by this task and by the answers under way, since the asker may leave before they arrive.
  struct Answers {
    explicit Answers(Loop& loop) : complete(loop) {}
    std::vector<T> values;
    std::size_t missing = 0;
    Signal complete;
  };
  auto answers = std::make_shared<Answers>(control_);
  answers->values.resize(shards_.size());
  answers->missing = shards_.size();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    shards_[i]->loop().post([this, i, question, answers] {
      control_.post([i, answers, value = question(*shards_[i])]() mutable {
        answers->values[i] = std::move(value);
        if (--answers->missing == 0) answers->complete.notify_all();
      });
    });
  }
  while (answers->missing != 0)
    (void)co_await answers->complete.wait();
  co_return std::move(answers->values);
}

Task<std::vector<std::vector<StreamSnapshot>>> Gateway::streams() {
  return ask_shards<std::vector<StreamSnapshot>>([](Shard& shard) { return shard.streams(); });
}

Task<std::string> Gateway::metrics_text() {
  (void)co_await ask_shards<int>([](Shard& shard) {
    shard.sample();
    return 0;
  });
  for (const auto& e : endpoint_states_) {
    const Labels labels{{"cluster", e->cluster}, {"endpoint", e->name}};
    control_metrics_.gauge("sluice_upstream_in_flight", "Attempts under way at an endpoint.", labels)
        .set(static_cast<double>(e->in_flight.load(std::memory_order_relaxed)));
    control_metrics_.counter("sluice_upstream_attempts_total", "Attempts sent to an endpoint.", labels)
        .raise_to(e->attempts.load(std::memory_order_relaxed));
    control_metrics_
        .counter("sluice_upstream_failures_total", "Attempts that failed by the endpoint's fault.", labels)
        .raise_to(e->failures.load(std::memory_order_relaxed));
  }
  access_log_->sample(control_metrics_, "access");
  sample_process(control_metrics_, SLUICE_VERSION);
  std::vector<const Metrics*> all{&control_metrics_};
  for (const auto& shard : shards_)
    all.push_back(&shard->metrics());
  co_return render_prometheus(all);
}

}  // namespace sluice
