#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "backends/worker/api/api.h"
#include "backends/worker/device/make_device.h"
#include "backends/worker/engine/faulty_runner.h"
#include "backends/worker/engine/load_engine.h"
#include "backends/worker/flags.h"
#include "backends/worker/model/placement.h"
#include "backends/worker/port_reservation.h"
#include "backends/worker/progress_bar.h"
#include "backends/worker/stderr_log.h"
#include "gateway/http/server.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task_group.h"

namespace sluice::worker {
namespace {

// vLLM closes a connection that is idle for so long (VLLM_HTTP_TIMEOUT_KEEP_ALIVE).
constexpr Duration kKeepAlive = std::chrono::seconds(5);
constexpr std::uint64_t kLargestBody = 64u << 20;
// How long the last words of aborted answers may take to reach their clients.
constexpr Duration kFarewell = std::chrono::seconds(2);
constexpr Duration kLook = std::chrono::milliseconds(20);
// How often the engine's health is looked at, and how long a failed one is still answered for.
constexpr Duration kWatch = std::chrono::milliseconds(200);
constexpr Duration kDeathNotice = std::chrono::seconds(1);

EngineOptions engine_options(const Flags& flags) {
  EngineOptions options = flags.engine;
  options.max_model_len = flags.max_model_len;
  options.max_num_seqs = flags.max_num_seqs;
  options.max_num_batched_tokens = flags.max_num_batched_tokens;
  options.step_interval = std::chrono::milliseconds(flags.step_interval_ms);
  return options;
}

ApiOptions api_options(const Flags& flags) {
  return {.api_keys = flags.api_keys,
          .version = SLUICE_VERSION,
          .response_role = flags.response_role,
          .max_logprobs = flags.max_logprobs,
          .stream_interval = flags.stream_interval,
          .reads_tools = flags.auto_tool_choice,
          .request_id_headers = flags.request_id_headers,
          .prompt_tokens_details = flags.prompt_tokens_details,
          .force_include_usage = flags.force_include_usage,
          .tokens_as_ids = flags.tokens_as_ids,
          .tells_tokenizer = flags.tells_tokenizer,
          .pooler = flags.pooler,
          .faults = flags.faults.api};
}

DeviceOptions device_options(const Flags& flags, const ModelConfig& model) {
  DeviceOptions options;
  if (flags.device == "cpu") options.kind = DeviceKind::kCpu;
  if (flags.device == "cuda") options.kind = DeviceKind::kCuda;
  options.precision = precision_for(flags.dtype, model);
  options.threads = flags.threads > 0 ? static_cast<std::size_t>(flags.threads)
                                      : threads_for(model, std::thread::hardware_concurrency());
  options.pin = flags.pin;
  return options;
}

ServerOptions server_options() {
  ServerOptions options;
  options.limits.idle_timeout = kKeepAlive;
  options.limits.max_body_bytes = kLargestBody;
  return options;
}

// Serves until a signal, then stops in order: no new connections, the answers under way, the engine.
class Service {
 public:
  Service(Loop& loop, Api& api, Engine& engine, ListenSocket socket, Log& log, Duration patience,
          FreezeGate& gate)
      : loop_(loop),
        api_(api),
        engine_(engine),
        log_(log),
        patience_(patience),
        gate_(gate),
        server_(loop, std::move(socket), server_options(), limit_, api),
        signals_(loop.io(), SIGINT, SIGTERM) {
    await_signal();
    tasks_.spawn(watch_engine());
  }

 private:
  // An engine that failed cannot be mended in place. Health checks and clients get to hear of it first.
  Task<void> watch_engine() {
    while (engine_.healthy())
      co_await sleep_until(loop_, loop_.now() + kWatch);
    log_.error("the engine failed; ending", {});
    co_await sleep_until(loop_, loop_.now() + kDeathNotice);
    loop_.stop();
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      // A second signal does not wait for anybody.
      if (std::exchange(stopping_, true)) return loop_.stop();
      await_signal();
      tasks_.spawn(stop());
    });
  }

  Task<void> stop() {
    log_.info("stopping", {{"requests", api_.load()}});
    engine_.close();
    server_.drain();
    for (const auto deadline = loop_.now() + patience_; api_.load() > 0 && loop_.now() < deadline;) {
      co_await sleep_until(loop_, loop_.now() + kLook);
    }
    gate_.open();
    engine_.stop();
    for (const auto deadline = loop_.now() + kFarewell;
         server_.connections() > 0 && loop_.now() < deadline;) {
      co_await sleep_until(loop_, loop_.now() + kLook);
    }
    loop_.stop();
  }

  Loop& loop_;
  Api& api_;
  Engine& engine_;
  Log& log_;
  const Duration patience_;
  FreezeGate& gate_;
  ConnectionLimit limit_;
  Server server_;
  boost::asio::signal_set signals_;
  bool stopping_ = false;
  TaskGroup tasks_;
};

Result<void> serve(const Flags& flags, const TimeSource& time, Log& log) {
  Address address = Address::unix_socket(flags.uds);
  if (flags.uds.empty())
    address = Address::tcp(flags.host == "localhost" ? "127.0.0.1" : flags.host, flags.port);
  Result<PortReservation> reserved = PortReservation::take(address);
  if (!reserved) return fail(std::move(reserved.error()));

  const auto device = make_device(device_options(flags, load_model_config(flags.model)));
  SteadyClock clock;
  const auto gate = std::make_shared<FreezeGate>();
  const auto with_faults = [&](std::unique_ptr<ModelRunner> model) -> std::unique_ptr<ModelRunner> {
    if (!flags.faults.engine.any()) return model;
    return std::make_unique<FaultyRunner>(std::move(model), flags.faults.engine, clock, gate);
  };
  std::optional<ProgressBar> bar(std::in_place);
  const LoadedEngine loaded =
      load_engine(flags.model, engine_options(flags), *device, clock,
                  {.wrap = with_faults, .progress = [&bar](double share) { bar->show(share); }});
  bar.reset();
  Result<ServedModel> model =
      load_served_model(flags.model, flags.ignore_generation_config ? GenerationConfig{} : loaded.generation);
  if (!model) return fail(std::move(model.error()));
  model->root = flags.model;
  model->names = flags.served_names;
  if (model->names.empty()) model->names = {flags.model};
  model->created = std::chrono::duration_cast<std::chrono::seconds>(time.wall().time_since_epoch()).count();
  model->max_model_len = loaded.engine->options().max_model_len;
  model->vocab_size = loaded.engine->vocab_size();
  model->hidden_size = static_cast<std::int32_t>(loaded.model.hidden_size);
  model->is_matryoshka = loaded.model.is_matryoshka;
  model->matryoshka_dimensions = loaded.model.matryoshka_dimensions;

  Loop loop(time, system_seed());
  EngineGenerator generator(*loaded.engine);
  Api api(loop, *model, generator, api_options(flags));
  ListenOptions listen;
  listen.reuse_port = false;
  Result<ListenSocket> socket = ListenSocket::bind(reserved->address(), listen);
  if (!socket) return fail(std::move(socket.error()));
  const std::string where = socket->address().to_string();
  // Whatever ends the loop, also an exception: the engine hands nothing to it any more once it is gone.
  struct EngineStop {
    FreezeGate& gate;
    Engine& engine;
    ~EngineStop() {
      gate.open();
      engine.stop();
    }
  } const engine_stop{*gate, *loaded.engine};
  Service service(loop, api, *loaded.engine, std::move(*socket), log,
                  std::chrono::seconds(flags.shutdown_timeout_s), *gate);
  log.info("listening", {{"address", where},
                         {"model", model->names.front()},
                         {"device", device->name()},
                         {"max_model_len", model->max_model_len},
                         {"kv_cache_tokens", loaded.engine->stats().kv_capacity_tokens}});
  loop.run();
  if (!loaded.engine->healthy()) return fail(ErrorKind::kInternal, "the engine failed");
  return {};
}

}  // namespace
}  // namespace sluice::worker

int main(int argc, char** argv) {
  sluice::worker::Flags flags;
  if (const auto status = sluice::worker::parse_flags(argc, argv, flags)) return *status;
  const sluice::SystemTime time;
  sluice::worker::StderrLog log(time);
  try {
    const auto served = sluice::worker::serve(flags, time, log);
    if (served) return 0;
    log.error("cannot serve", {{"reason", served.error().detail()}});
  } catch (const std::exception& error) {
    log.error("cannot serve", {{"reason", error.what()}});
  }
  return EXIT_FAILURE;
}
