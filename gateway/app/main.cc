#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "config/documents.h"
#include "config/load.h"
#include "gateway/app/explain.h"
#include "gateway/app/gateway.h"
#include "gateway/app/live_settings.h"
#include "gateway/app/operator_log.h"
#include "gateway/runtime/time_source.h"

namespace {

constexpr int kExitBadConfig = 2;

// Prints every diagnostic; nullopt if one of them is an error. With a time it also reads certificates and
// keys.
std::optional<sluice::config::Config> load(const std::string& path,
                                           const sluice::TimeSource* time = nullptr) {
  sluice::config::LoadResult loaded = time == nullptr
                                          ? sluice::config::load_file(path)
                                          : sluice::config::load_file(path, sluice::wall_seconds(*time));
  for (const auto& diagnostic : loaded.diagnostics)
    std::fprintf(stderr, "%s\n", diagnostic.to_string().c_str());
  return std::move(loaded.config);
}

int serve(const sluice::GatewayOptions& options) {
  const sluice::SystemTime time;
  auto config = load(options.config_path, &time);
  if (!config) return kExitBadConfig;
  auto sink = sluice::LogSink::open({.target = {.kind = sluice::LogTarget::Kind::kStderr}});
  if (!sink) {
    std::fprintf(stderr, "sluice: %s\n", sink.error().detail().c_str());
    return kExitBadConfig;
  }
  sluice::OperatorLog log(**sink, time, sluice::format_for_stderr(),
                          sluice::to_log_level(config->observability.log.level));
  auto gateway = sluice::Gateway::create(std::move(*config), options, time, log,
                                         sluice::InheritedSockets::from_environment());
  if (!gateway) {
    std::fprintf(stderr, "sluice: %s\n", gateway.error().detail().c_str());
    return kExitBadConfig;
  }
  boost::asio::signal_set signals((*gateway)->control().io(), SIGINT, SIGTERM, SIGHUP);
  signals.add(SIGUSR2);
  std::function<void(const boost::system::error_code&, int)> on_signal =
      [&](const boost::system::error_code& ec, int number) {
        if (ec) return;
        if (number == SIGHUP) {
          (*gateway)->request_reload("SIGHUP");
        } else if (number == SIGUSR2) {
          (*gateway)->request_handover();
        } else {
          (*gateway)->stop();
        }
        signals.async_wait(on_signal);
      };
  signals.async_wait(on_signal);
  for (const sluice::Address& address : (*gateway)->addresses()) {
    log.info("listening", {{"address", address.to_string()}, {"shards", (*gateway)->shard_count()}});
  }
  if ((*gateway)->config().admin.enabled) {
    log.info("admin", {{"address", (*gateway)->admin_address().to_string()}});
  }
  (*gateway)->run();
  return 0;
}

struct ExplainArguments {
  std::string config_path;
  sluice::ImaginedRequest request;
  std::vector<std::string> headers;
};

CLI::App* add_explain(CLI::App& app, ExplainArguments& arguments) {
  CLI::App* explain = app.add_subcommand(
      "explain", "Say as JSON which route takes a request, and for the routes before it what they ask for");
  explain->add_option("-c,--config", arguments.config_path, "Configuration file")->required();
  explain->add_option("--request", arguments.request.line, "Method and path: 'POST /v1/chat/completions'")
      ->required();
  explain->add_option("-H,--header", arguments.headers, "A header, 'name: value'; may be repeated")
      ->allow_extra_args(false);
  explain->add_option("--client", arguments.request.client, "The client's IP address")->capture_default_str();
  explain->add_option("--body", arguments.request.body, "The body");
  return explain;
}

int run_explain(ExplainArguments& arguments) {
  const auto config = load(arguments.config_path);
  if (!config) return kExitBadConfig;
  for (const std::string& header : arguments.headers) {
    const std::size_t colon = std::min(header.find(':'), header.size());
    const std::size_t value = std::min(header.find_first_not_of(" :", colon), header.size());
    arguments.request.headers.emplace_back(header.substr(0, colon), header.substr(value));
  }
  const auto explained = sluice::explain_json(*config, arguments.request);
  if (!explained) {
    std::fprintf(stderr, "sluice: %s\n", explained.error().detail().c_str());
    return kExitBadConfig;
  }
  std::printf("%s\n", explained->c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Sluice: a gateway in front of model servers.\n\n"
      "  sluice --config sluice.yaml            serve\n"
      "  sluice validate sluice.yaml            check a configuration and say everything that is wrong\n"
      "  sluice print-config sluice.yaml        print it with every default filled in\n"
      "  sluice explain --config sluice.yaml --request 'POST /v1/chat/completions' --body '{...}'\n"
      "                                         say which route takes a request, and why no other does\n"};
  app.set_version_flag("--version", SLUICE_VERSION);
  sluice::GatewayOptions options;
  options.threads = std::max(1u, std::thread::hardware_concurrency());
  app.add_option("-c,--config", options.config_path, "Configuration file (config/reference.md describes it)");
  app.add_option("-t,--threads", options.threads,
                 "Shards, each a thread with its own listeners and connections")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_flag("--pin", options.pin, "Bind each shard to a processor");
  std::string checked;
  CLI::App* validate =
      app.add_subcommand("validate", "Check a configuration; exit status 2 if it has errors");
  validate->add_option("file", checked, "Configuration file")->required();
  CLI::App* print = app.add_subcommand("print-config", "Print a configuration with every default filled in");
  print->add_option("file", checked, "Configuration file")->required();
  ExplainArguments explained;
  CLI::App* explain = add_explain(app, explained);
  app.require_subcommand(0, 1);
  options.program = sluice::Program::current(argc, argv);
  CLI11_PARSE(app, argc, argv);

  if (*validate) {
    const sluice::SystemTime time;
    if (!load(checked, &time)) return kExitBadConfig;
    std::printf("%s: ok\n", checked.c_str());
    return 0;
  }
  if (*print) {
    const auto config = load(checked);
    if (!config) return kExitBadConfig;
    std::fputs(sluice::config::print_effective(*config).c_str(), stdout);
    return 0;
  }
  if (*explain) return run_explain(explained);
  if (options.config_path.empty()) {
    std::fprintf(stderr, "sluice: no configuration; start it with --config FILE, or see --help\n");
    return kExitBadConfig;
  }
  return serve(options);
}
