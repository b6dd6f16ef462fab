#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "config/config.h"
#include "gateway/app/log_sink.h"
#include "gateway/app/shard.h"
#include "gateway/base/log.h"
#include "gateway/base/result.h"
#include "gateway/runtime/task.h"

namespace sluice {

struct GatewayOptions {
  std::size_t threads = 1;
  bool pin = false;  // each shard to a processor of its own
};

// The running gateway: shards on threads of their own, and a control loop on the caller's thread for the
// admin pages and signals. The only place that knows every part.
class Gateway {
 public:
  // Binds every listener and opens every log, so that what is wrong shows before anything is served.
  // Errors: kConfig.
  static Result<std::unique_ptr<Gateway>> create(config::Config config, GatewayOptions options,
                                                 const TimeSource& time, Log& log);
  ~Gateway();

  // Serves until stop(); the caller's thread becomes the control loop's. Exchanges in flight get kDrainTime
  // to end.
  void run();
  void stop();  // on the control loop

  static constexpr Duration kDrainTime = std::chrono::seconds(10);

  Loop& control() noexcept { return control_; }
  const config::Config& config() const noexcept { return config_; }
  const std::vector<Address>& addresses() const noexcept { return addresses_; }
  const Address& admin_address() const noexcept { return admin_address_; }
  bool draining() const noexcept { return draining_; }
  std::size_t shard_count() const noexcept { return shards_.size(); }
  std::int64_t open_streams() const noexcept { return streams_.open.load(std::memory_order_relaxed); }
  // The process-wide state of the configuration's endpoints, in its order.
  const std::vector<std::shared_ptr<EndpointState>>& endpoints() const noexcept { return endpoint_states_; }

  // Runs a function on every shard's thread and yields the results in the shards' order.
  Task<std::vector<std::vector<StreamSnapshot>>> streams();
  // The text of /metrics.
  Task<std::string> metrics_text();

 private:
  Gateway(config::Config config, GatewayOptions options, const TimeSource& time, Log& log);

  Result<void> open();
  Result<void> listen();
  Result<void> listen_admin();
  template <class T>
  Task<std::vector<T>> ask_shards(std::function<T(Shard&)> question);
  Task<void> drain();

  config::Config config_;
  GatewayOptions options_;
  const TimeSource& time_;
  Log& log_;
  std::unique_ptr<LogSink> access_log_;
  EndpointRegistry registry_;
  std::vector<std::shared_ptr<EndpointState>> endpoint_states_;
  StreamLimit streams_;
  std::vector<std::unique_ptr<ConnectionLimit>> connection_limits_;
  std::unique_ptr<SharedServices> shared_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<std::thread> threads_;
  std::vector<Address> addresses_;
  Address admin_address_;
  bool draining_ = false;

  Loop control_;
  HangupWatch control_hangups_;
  Metrics control_metrics_;
  std::unique_ptr<StreamHandler> admin_;
  ConnectionLimit admin_limit_;
  TaskGroup control_tasks_;
  std::unique_ptr<Server> admin_server_;
};

}  // namespace sluice
