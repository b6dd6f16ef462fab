#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "config/config.h"
#include "gateway/app/certificate_series.h"
#include "gateway/app/discovery.h"
#include "gateway/app/handover.h"
#include "gateway/app/heap_return.h"
#include "gateway/app/inherited_sockets.h"
#include "gateway/app/listener_plan.h"
#include "gateway/app/log_sink.h"
#include "gateway/app/operator_log.h"
#include "gateway/app/reload_report.h"
#include "gateway/app/shard.h"
#include "gateway/app/trace_exporter.h"
#include "gateway/base/result.h"
#include "gateway/net/file_watch.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task.h"

namespace sluice {

class AdminServer;

struct GatewayOptions {
  std::size_t threads = 1;
  bool pin = false;              // each shard to a processor of its own
  std::string config_path = {};  // what a reload reads
  Program program = {};          // what a handover starts
};

// The running gateway: shards on threads of their own, and a control loop on the caller's thread for the
// admin pages and signals. The only place that knows every part.
class Gateway {
 public:
  // Binds every listener that has no inherited sockets and opens every log, so that what is wrong shows
  // before anything is served. Errors: kConfig.
  static Result<std::unique_ptr<Gateway>> create(config::Config config, GatewayOptions options,
                                                 const TimeSource& time, OperatorLog& log,
                                                 InheritedSockets inherited = {});
  ~Gateway();

  // Serves until stop(); the caller's thread becomes the control loop's. Everything below belongs to it.
  void run();
  // Stops accepting, closes idle connections and gives exchanges in flight `drain.timeout` to end. A second
  // call does not wait for them.
  void stop();

  // Reads the file again and puts it in force: parse, validate, bind and build everything, then swap. New
  // exchanges take the new configuration, those in flight keep theirs. On any error nothing changes. Also
  // opens log files anew, for log rotation. One after another; at most kMaxReloadsWaiting may wait. Goes on
  // when its asker leaves. `by` is for the log: a signal, the watch, an operator.
  Task<ReloadReport> reload(std::string by);
  // The same for askers that do not care for the report.
  void request_reload(std::string by);
  static constexpr std::size_t kMaxReloadsWaiting = 16;

  // Starts the program anew, with this process's listening sockets, and drains when the successor accepts. On
  // any failure this process goes on, and the log says why. Reloads wait meanwhile.
  void request_handover();

  // How long a successor waits at most for the first answer of each cluster's discovery.
  static constexpr Duration kFirstLooks = std::chrono::seconds(5);

  // Ends the exchanges of this id on whichever shard: their clients see a cut, their upstreams are closed in
  // the same turn of the shard's loop. False if there is none.
  Task<bool> kill(std::string id);

  LogLevel log_level() const noexcept { return log_.lowest(); }
  void set_log_level(LogLevel level) noexcept { log_.set_lowest(level); }

  Loop& control() noexcept { return control_; }
  // The configuration in force, and how many there were up to it.
  const config::Config& config() const noexcept { return *config_; }
  std::uint64_t generation() const noexcept { return generation_; }
  const std::string& config_path() const noexcept { return options_.config_path; }
  // Of the listeners, in the configuration's order.
  std::vector<Address> addresses() const;
  const Address& admin_address() const noexcept { return admin_address_; }
  bool draining() const noexcept { return draining_; }
  Duration uptime() const noexcept { return control_.now() - started_at_; }
  std::size_t shard_count() const noexcept { return shards_.size(); }
  std::int64_t open_streams() const noexcept;
  const Discovery& discovery() const noexcept { return discovery_; }
  // What the process knows of an endpoint, across shards.
  std::shared_ptr<const EndpointState> endpoint(const std::string& cluster, const Address& address) {
    return registry_.get(cluster, address);
  }

  // Runs a function on every shard's thread and yields the results in the shards' order.
  Task<std::vector<std::vector<StreamSnapshot>>> streams();
  // The text of /metrics.
  Task<std::string> metrics_text();

 private:
  // Shared by a reload's asker and its task: an asker may leave, a swap may not stop half way.
  struct PendingReload;

  Gateway(config::Config config, GatewayOptions options, const TimeSource& time, OperatorLog& log,
          InheritedSockets inherited);

  Result<void> open();
  Task<void> begin();
  Result<void> open_traces();
  Result<void> listen_admin();
  // The inherited socket of an admin address, or a new one.
  Result<ListenSocket> admin_socket(const Address& address, const ListenOptions& options);
  template <class T>
  Task<std::vector<T>> ask_shards(std::function<T(Shard&)> question);
  enum class Sockets : std::uint8_t { kClosed, kHandedOver };
  Task<void> drain(Sockets sockets);
  Task<void> hand_over();
  Task<Result<void>> start_successor();
  Task<void> reload_in_turn(std::string by, std::shared_ptr<PendingReload> pending);
  Task<ReloadReport> reload_now();
  // How long the shard blocked that blocked longest.
  Task<Duration> swap(std::shared_ptr<const config::Config> next, ListenerPlan plan,
                      std::shared_ptr<const ClusterTlsContexts> tls);
  void note_reload(const std::string& by, const ReloadReport& report);
  void publish_discovered(const std::string& cluster, const std::vector<config::Endpoint>& endpoints);
  void adopt_listeners(std::vector<BoundListener> listeners);
  void sample_endpoints();
  void give_back_memory();
  void watch_config();
  // On the listeners of the configuration in force; the admin's are not counted.
  std::int64_t open_connections() const;

  // Shared with the shards' swaps under way.
  std::shared_ptr<const config::Config> config_;
  std::uint64_t generation_ = 1;
  GatewayOptions options_;
  const TimeSource& time_;
  OperatorLog& log_;
  InheritedSockets inherited_;  // what is left of them is closed when the listeners are open
  std::unique_ptr<LogSink> access_log_;
  std::unique_ptr<TraceQueue> traces_;  // null: no spans are exported
  EndpointRegistry registry_;
  CertificateSeries certificates_;
  std::set<std::pair<std::string, std::string>> sampled_endpoints_;  // cluster and name, at the last scrape
  StreamLimit streams_;
  std::vector<BoundListener> listeners_;
  std::shared_ptr<const ClusterTlsContexts> cluster_tls_;  // shared with the shards' swaps under way
  std::unique_ptr<SharedServices> shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  Address admin_address_;
  bool draining_ = false;
  bool stopping_ = false;  // draining because somebody asked for the end
  bool handing_over_ = false;

  Loop control_;
  TimePoint started_at_ = control_.now();
  Metrics control_metrics_;
  HeapReturn heap_return_;
  Signal reload_ended_{control_};
  bool reloading_ = false;
  std::size_t reloads_waiting_ = 0;
  std::vector<std::string> watched_files_;
  std::unique_ptr<FileWatch> config_watch_;
  Discovery discovery_;
  SocketConnector collector_connector_;
  std::unique_ptr<TraceExporter> trace_exporter_;
  TaskGroup control_tasks_;  // may wait for what is above
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace sluice
