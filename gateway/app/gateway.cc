#include "gateway/app/gateway.h"

#include <malloc.h>
#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "config/load.h"
#include "config/tls_files.h"
#include "gateway/app/admin/admin_server.h"
#include "gateway/app/handshake_log.h"
#include "gateway/app/live_settings.h"
#include "gateway/app/process_metrics.h"
#include "gateway/app/route_rules.h"
#include "gateway/base/prometheus_text.h"
#include "gateway/runtime/signal.h"

namespace sluice {
namespace {

// The admin socket's name where it is passed between processes; see InheritedSockets.
constexpr std::string_view kAdminSocketName = "sluice-admin";

void pin_to_processor(std::thread& thread, std::size_t index) {
  const std::size_t processors = std::max(1u, std::thread::hardware_concurrency());
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(index % processors, &set);
  pthread_setaffinity_np(thread.native_handle(), sizeof set, &set);
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::create(config::Config config, GatewayOptions options,
                                                 const TimeSource& time, OperatorLog& log,
                                                 InheritedSockets inherited) {
  std::unique_ptr<Gateway> gateway(
      new Gateway(std::move(config), std::move(options), time, log, std::move(inherited)));
  if (Result<void> opened = gateway->open(); !opened) return fail(std::move(opened.error()));
  return gateway;
}

Gateway::Gateway(config::Config config, GatewayOptions options, const TimeSource& time, OperatorLog& log,
                 InheritedSockets inherited)
    : config_(std::make_shared<const config::Config>(std::move(config))),
      options_(std::move(options)),
      time_(time),
      log_(log),
      inherited_(std::move(inherited)),
      control_(time, system_seed()),
      heap_return_(
          control_, [this] { return open_connections() + open_streams(); }, [this] { give_back_memory(); }),
      discovery_(
          control_, control_metrics_, log_,
          [this](DnsClientOptions dns) { return std::make_unique<AresDnsClient>(control_, std::move(dns)); },
          [this](const std::string& cluster, const std::vector<config::Endpoint>& endpoints) {
            publish_discovered(cluster, endpoints);
          }),
      collector_connector_(control_) {
  streams_.max = config_->limits.max_streams;
}

Gateway::~Gateway() {
  for (auto& shard : shards_)
    shard->loop().stop();
  for (std::thread& thread : threads_)
    thread.join();
}

Result<void> Gateway::open() {
  LogSinkOptions log_options;
  log_options.target = LogTarget::parse(config_->observability.access_log.file);
  log_options.max_queued_lines = config_->observability.access_log.queue;
  Result<std::unique_ptr<LogSink>> sink = LogSink::open(std::move(log_options));
  if (!sink) return fail(std::move(sink.error()));
  access_log_ = std::move(*sink);

  if (Result<void> traces = open_traces(); !traces) return traces;
  shared_ = std::make_unique<SharedServices>(time_, registry_, streams_, *access_log_, traces_.get());
  Result<ListenerPlan> plan = plan_listeners(config_->listeners, {}, options_.threads, inherited_, time_);
  if (!plan) return fail(std::move(plan.error()));
  log_handshakes(*plan, log_, time_);
  Result<ClusterTlsContexts> tls = ClusterTlsContexts::create(config_->clusters, nullptr);
  if (!tls) return fail(std::move(tls.error()));
  cluster_tls_ = std::make_shared<const ClusterTlsContexts>(std::move(*tls));
  const std::shared_ptr<const RouteMatcher> matcher = compile_routes(*config_);
  const DiscoveredEndpoints discovered = discovery_.update(config_->clusters);
  for (std::size_t i = 0; i < options_.threads; ++i) {
    shards_.push_back(
        std::make_unique<Shard>(i, *config_, discovered, matcher, *cluster_tls_, *shared_, system_seed()));
    shards_[i]->update_listeners(*config_, std::move(plan->shards[i]));
  }
  adopt_listeners(std::move(plan->listeners));
  if (Result<void> admin = listen_admin(); !admin) return admin;
  if (const std::size_t closed = inherited_.close_rest(); closed > 0)
    log_.info("inherited sockets without a listener closed", {{"sockets", closed}});
  watch_config();
  return {};
}

Result<void> Gateway::open_traces() {
  const config::Traces& settings = config_->observability.traces;
  if (!settings.otlp) return {};
  Result<TraceExporterOptions> options = trace_exporter_options(settings);
  if (!options) return fail(std::move(options.error()));
  traces_ = std::make_unique<TraceQueue>(settings);
  trace_exporter_ = std::make_unique<TraceExporter>(control_, collector_connector_, *traces_,
                                                    control_metrics_, std::move(*options));
  return {};
}

void Gateway::publish_discovered(const std::string& cluster, const std::vector<config::Endpoint>& endpoints) {
  for (auto& shard : shards_)
    shard->loop().post([s = shard.get(), cluster, endpoints] { s->set_discovered(cluster, endpoints); });
}

void Gateway::adopt_listeners(std::vector<BoundListener> listeners) {
  for (const BoundListener& l : listeners)
    l.limit->max = l.max_connections;
  listeners_ = std::move(listeners);
}

std::int64_t Gateway::open_streams() const noexcept {
  std::int64_t open = 0;
  for (const std::unique_ptr<Shard>& shard : shards_)
    open += shard->open_streams();
  return open;
}

std::int64_t Gateway::open_connections() const {
  std::int64_t open = 0;
  for (const BoundListener& l : listeners_)
    open += l.limit->open.load(std::memory_order_relaxed);
  return open;
}

void Gateway::give_back_memory() {
  control_metrics_
      .counter("sluice_memory_returns_total",
               "Times that what a peak had left free was given back to the system.")
      .add();
  ::malloc_trim(0);
}

std::vector<Address> Gateway::addresses() const {
  std::vector<Address> out;
  for (const BoundListener& l : listeners_)
    out.push_back(l.address);
  return out;
}

Result<void> Gateway::listen_admin() {
  if (!config_->admin.enabled) return {};
  ListenOptions options;
  options.reuse_port = false;
  AdminSockets sockets;
  Result<ListenSocket> tcp = admin_socket(config_->admin.address, options);
  if (!tcp) return fail(std::move(tcp.error()));
  admin_address_ = tcp->address();
  sockets.address.emplace(std::move(*tcp));
  if (config_->admin.socket) {
    // For its owner alone from the moment its file exists, since it asks for no token. The mask is the
    // process's: no shard runs yet.
    const mode_t mask = ::umask(0177);
    Result<ListenSocket> local = admin_socket(Address::unix_socket(*config_->admin.socket), options);
    ::umask(mask);
    if (!local) return fail(std::move(local.error()));
    sockets.unix_socket.emplace(std::move(*local));
  }
  Result<std::unique_ptr<AdminServer>> server =
      AdminServer::open(*this, control_metrics_, time_, std::move(sockets));
  if (!server) return fail(std::move(server.error()));
  admin_ = std::move(*server);
  return {};
}

Result<ListenSocket> Gateway::admin_socket(const Address& address, const ListenOptions& options) {
  std::vector<ListenSocket> inherited = inherited_.take(address, kAdminSocketName);
  if (!inherited.empty()) {
    inherited.front().own_path();
    return std::move(inherited.front());
  }
  return ListenSocket::bind(address, options);
}

void Gateway::run() {
  control_tasks_.spawn(begin());
  control_.run();
}

Task<void> Gateway::begin() {
  // The process that hands over has its endpoints and serves on: requests that it could have answered must
  // not meet a cluster here whose name has not been looked up yet.
  if (inherited_.handed_over()) {
    const TimePoint deadline = control_.now() + kFirstLooks;
    while (!discovery_.has_looked() && control_.now() < deadline)
      co_await sleep_until(control_, control_.now() + std::chrono::milliseconds(20));
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    threads_.emplace_back([this, i] { shards_[i]->loop().run(); });
    if (options_.pin) pin_to_processor(threads_.back(), i);
  }
  inherited_.tell_ready();
}

void Gateway::stop() {
  // A second request to stop does not wait for anybody.
  if (std::exchange(stopping_, true)) {
    control_.stop();
    return;
  }
  if (!std::exchange(draining_, true)) control_tasks_.spawn(drain(Sockets::kClosed));
}

Task<void> Gateway::drain(Sockets sockets) {
  for (auto& shard : shards_) {
    shard->loop().post([s = shard.get(), sockets] {
      if (sockets == Sockets::kHandedOver) {
        s->hand_over();
      } else {
        s->drain();
      }
    });
  }
  const TimePoint deadline = control_.now() + config_->drain.timeout;
  log_.info("draining", {{"streams", open_streams()}});
  do {
    co_await sleep_until(control_, control_.now() + std::chrono::milliseconds(20));
  } while ((open_streams() > 0 || open_connections() > 0) && control_.now() < deadline);
  if (open_streams() > 0) log_.warning("streams cut at the end of draining", {{"streams", open_streams()}});
  if (trace_exporter_) co_await trace_exporter_->flush(control_.now() + TraceExporter::kFlushTime);
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

Task<bool> Gateway::kill(std::string id) {
  const std::vector<char> killed = co_await ask_shards<char>(
      [id = std::move(id)](Shard& shard) { return static_cast<char>(shard.kill(id)); });
  co_return std::ranges::find(killed, 1) != killed.end();
}

Task<std::string> Gateway::metrics_text() {
  (void)co_await ask_shards<int>([](Shard& shard) {
    shard.sample();
    return 0;
  });
  sample_endpoints();
  certificates_.sample(*config_, control_metrics_);
  access_log_->sample(control_metrics_, "access");
  if (admin_) admin_->sample();
  control_metrics_.gauge("sluice_config_generation", "How many configurations were in force so far.")
      .set(static_cast<double>(generation_));
  if (trace_exporter_) trace_exporter_->sample();
  sample_process(control_metrics_, SLUICE_VERSION);
  std::vector<const Metrics*> all{&control_metrics_};
  for (const auto& shard : shards_)
    all.push_back(&shard->metrics());
  co_return render_prometheus(all);
}

void Gateway::sample_endpoints() {
  constexpr std::string_view kInFlight = "sluice_upstream_in_flight";
  constexpr std::string_view kAttempts = "sluice_upstream_attempts_total";
  constexpr std::string_view kFailures = "sluice_upstream_failures_total";
  std::set<std::pair<std::string, std::string>> sampled;
  for (const auto& e : registry_.live()) {
    const Labels labels{{"cluster", e->cluster}, {"endpoint", e->name}};
    control_metrics_.gauge(kInFlight, "Attempts under way at an endpoint.", labels)
        .set(static_cast<double>(e->in_flight.load(std::memory_order_relaxed)));
    control_metrics_.counter(kAttempts, "Attempts sent to an endpoint.", labels)
        .raise_to(e->attempts.load(std::memory_order_relaxed));
    control_metrics_.counter(kFailures, "Attempts that failed by the endpoint's fault.", labels)
        .raise_to(e->failures.load(std::memory_order_relaxed));
    sampled.emplace(e->cluster, e->name);
    sampled_endpoints_.erase({e->cluster, e->name});
  }
  // What is left was there at the last scrape and is gone.
  for (const auto& [cluster, endpoint] : sampled_endpoints_) {
    const Labels labels{{"cluster", cluster}, {"endpoint", endpoint}};
    for (const std::string_view name : {kInFlight, kAttempts, kFailures})
      control_metrics_.remove(name, labels);
  }
  sampled_endpoints_ = std::move(sampled);
}

struct Gateway::PendingReload {
  explicit PendingReload(Loop& loop) : ended(loop) {}
  std::optional<ReloadReport> report;
  Signal ended;
};

Task<ReloadReport> Gateway::reload(std::string by) {
  auto pending = std::make_shared<PendingReload>(control_);
  control_tasks_.spawn(reload_in_turn(std::move(by), pending));
  while (!pending->report)
    (void)co_await pending->ended.wait();
  co_return std::move(*pending->report);
}

void Gateway::request_reload(std::string by) {
  control_tasks_.spawn(reload_in_turn(std::move(by), std::make_shared<PendingReload>(control_)));
}

Task<void> Gateway::reload_in_turn(std::string by, std::shared_ptr<PendingReload> pending) {
  ReloadReport report;
  if (reloads_waiting_ == kMaxReloadsWaiting) {
    report.generation = generation_;
    report.problems.emplace_back("too many reloads wait for their turn");
  } else {
    ++reloads_waiting_;
    while (reloading_)
      (void)co_await reload_ended_.wait();
    --reloads_waiting_;
    reloading_ = true;
    report = co_await reload_now();
    reloading_ = false;
    reload_ended_.notify_one();
  }
  note_reload(by, report);
  pending->report = std::move(report);
  pending->ended.notify_all();
}

Task<ReloadReport> Gateway::reload_now() {
  const TimePoint began = control_.time().now();
  ReloadReport report;
  report.generation = generation_;
  access_log_->reopen();
  if (admin_) admin_->reopen_log();
  config::LoadResult loaded = config::load_file(options_.config_path, wall_seconds(time_));
  for (const config::Diagnostic& d : loaded.diagnostics)
    report.problems.push_back(d.to_string());
  if (draining_) report.problems.emplace_back("the process is draining: its configuration stays as it is");
  if (!loaded.config || draining_) co_return report;

  std::ranges::move(keep_fixed_settings(*config_, *loaded.config), std::back_inserter(report.problems));
  report.changed = *loaded.config != *config_;
  if (report.changed) {
    Result<ListenerPlan> plan =
        plan_listeners(loaded.config->listeners, listeners_, shards_.size(), inherited_, time_);
    if (!plan) {
      report.changed = false;
      report.problems.push_back(options_.config_path + ": " + plan.error().detail());
      co_return report;
    }
    log_handshakes(*plan, log_, time_);
    Result<ClusterTlsContexts> tls = ClusterTlsContexts::create(loaded.config->clusters, cluster_tls_.get());
    if (!tls) {
      report.changed = false;
      report.problems.push_back(options_.config_path + ": " + tls.error().detail());
      co_return report;
    }
    const Duration blocked =
        co_await swap(std::make_shared<const config::Config>(std::move(*loaded.config)), std::move(*plan),
                      std::make_shared<const ClusterTlsContexts>(std::move(*tls)));
    report.blocked_milliseconds = std::chrono::duration<double, std::milli>(blocked).count();
  }
  report.ok = true;
  report.generation = generation_;
  report.milliseconds = std::chrono::duration<double, std::milli>(control_.time().now() - began).count();
  co_return report;
}

Task<Duration> Gateway::swap(std::shared_ptr<const config::Config> next, ListenerPlan plan,
                             std::shared_ptr<const ClusterTlsContexts> tls) {
  // Shared by the shards, each of which takes its own part.
  auto updates = std::make_shared<std::vector<std::vector<ListenerUpdate>>>(std::move(plan.shards));
  // In this order, within one turn: what discovery finds from here on reaches the shards behind what it knew.
  auto discovered = std::make_shared<const DiscoveredEndpoints>(discovery_.update(next->clusters));
  const std::vector<Duration> blocked = co_await ask_shards<Duration>(
      [next, discovered, updates, tls, matcher = compile_routes(*next)](Shard& shard) {
        const TimePoint began = shard.loop().time().now();
        shard.configure(*next, *discovered, matcher, *tls, std::move((*updates)[shard.index()]));
        return shard.loop().time().now() - began;
      });
  adopt_listeners(std::move(plan.listeners));
  cluster_tls_ = std::move(tls);
  streams_.max = next->limits.max_streams;
  for (const std::unique_ptr<Shard>& shard : shards_)
    shard->loop().post([&s = *shard] { s.trim_places(); });
  // A level that an operator has set meanwhile stays, unless the file asks for another than it did.
  if (next->observability.log.level != config_->observability.log.level)
    log_.set_lowest(to_log_level(next->observability.log.level));
  config_ = std::move(next);
  ++generation_;
  watch_config();
  co_return std::ranges::max(blocked);
}

void Gateway::note_reload(const std::string& by, const ReloadReport& report) {
  const char* result = !report.ok ? "failed" : report.changed ? "ok" : "unchanged";
  control_metrics_
      .counter("sluice_config_reloads_total", "Attempts to load the configuration anew.",
               {{"result", result}})
      .add();
  if (report.changed) {
    control_metrics_
        .gauge("sluice_config_last_reload_seconds", "How long the last change of configuration took.")
        .set(report.milliseconds / 1000);
    control_metrics_
        .gauge("sluice_config_last_swap_seconds",
               "How long the last change of configuration held the shard that it held longest.")
        .set(report.blocked_milliseconds / 1000);
  }
  for (const std::string& problem : report.problems) {
    log_.write(report.ok ? LogLevel::kWarning : LogLevel::kError, "configuration",
               std::initializer_list<LogField>{{"by", by}, {"problem", problem}});
  }
  if (!report.ok) {
    log_.error("configuration not reloaded", {{"by", by}, {"generation", report.generation}});
    return;
  }
  log_.info(report.changed ? "configuration reloaded" : "configuration unchanged",
            {{"by", by},
             {"generation", report.generation},
             {"milliseconds", report.milliseconds},
             {"blocked_milliseconds", report.blocked_milliseconds}});
}

void Gateway::watch_config() {
  if (!config_->reload.watch) {
    config_watch_.reset();
    return;
  }
  std::vector<std::string> files = config::tls_files(*config_);
  files.push_back(options_.config_path);
  if (config_watch_ && files == watched_files_) return;
  // Not from inside the watch's own callback, which a reload may destroy.
  auto watch =
      FileWatch::open(control_, files, [this] { control_.post([this] { request_reload("watch"); }); });
  if (!watch) {
    log_.warning("configuration is not watched", {{"problem", watch.error().detail()}});
    return;
  }
  config_watch_ = std::move(*watch);
  watched_files_ = std::move(files);
}

void Gateway::request_handover() {
  if (draining_ || std::exchange(handing_over_, true)) {
    log_.warning("no handover: one is under way, or the process is ending");
    return;
  }
  control_tasks_.spawn(hand_over());
}

Task<void> Gateway::hand_over() {
  // A reload would open and close the sockets that are being handed over.
  while (reloading_)
    (void)co_await reload_ended_.wait();
  reloading_ = true;
  const Result<void> handed = co_await start_successor();
  reloading_ = false;
  handing_over_ = false;
  reload_ended_.notify_one();
  if (!handed) {
    log_.error("handover failed, this process goes on", {{"problem", handed.error().detail()}});
    co_return;
  }
  if (admin_) admin_->hand_over();
  if (!std::exchange(draining_, true)) co_await drain(Sockets::kHandedOver);
}

Task<Result<void>> Gateway::start_successor() {
  const auto by_shard =
      co_await ask_shards<std::vector<ListenerSet::Socket>>([](Shard& shard) { return shard.sockets(); });
  std::vector<HandedSocket> sockets;
  for (const auto& shard : by_shard) {
    for (const ListenerSet::Socket& socket : shard) {
      const auto listener = std::ranges::find(listeners_, socket.key, &BoundListener::key);
      if (listener != listeners_.end()) sockets.push_back({listener->name, socket.fd});
    }
  }
  if (admin_) {
    for (const int fd : admin_->descriptors())
      sockets.push_back({std::string(kAdminSocketName), fd});
  }
  Result<std::unique_ptr<Successor>> successor = Successor::start(control_, options_.program, sockets);
  if (!successor) co_return fail(std::move(successor.error()));
  log_.info("successor started", {{"pid", (*successor)->pid()}, {"sockets", sockets.size()}});
  Result<void> ready = co_await (*successor)->ready();
  if (ready) log_.info("successor accepts", {{"pid", (*successor)->pid()}});
  co_return ready;
}

}  // namespace sluice
