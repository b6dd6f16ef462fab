#include "config/describe.h"

#include <array>
#include <chrono>

// Every key of the configuration: name, member, meaning, range. The meaning is what the reference prints. The
// large sections have files of their own beside this one.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::size_t kMaxListeners = 64;
constexpr std::size_t kMaxClusters = 1000;
constexpr std::size_t kMaxRoutes = 1000;

static auto choices(Log::Level /*type*/) {
  return std::array{"debug"sv, "info"sv, "warning"sv, "error"sv};
}

static void describe(Fields<Limits>& f) {
  f.about("Limits", "Limits of the whole process.");
  f.add("max_streams", &Limits::max_streams,
        "Requests in flight; above it 503. From 2,048 on each shard may keep up to 32 of them in hand.")
      .range(1, 1'000'000);
  f.add_size("stream_buffer_bytes", &Limits::stream_buffer_bytes,
             "Most bytes held per request and direction while the slower side catches up.")
      .range(64 * kKiB, 64 * kMiB);
}

static void describe(Fields<AccessLog>& f) {
  f.about("AccessLog", "One JSON line per exchange.");
  f.add("file", &AccessLog::file, "A path, or one of `stdout`, `stderr` and `off`.");
  f.add("queue", &AccessLog::queue,
        "Lines that may wait to be written; above it lines are dropped and counted.")
      .range(1, 1'000'000);
}

static void describe(Fields<Log>& f) {
  f.about("Log", "Messages for operators, on standard error.");
  f.add("level", &Log::level, "The least important messages that are written.");
}

static void describe(Fields<RouteDefaults>& f) {
  f.about("RouteDefaults", "What a route has where it does not say otherwise, key by key.");
  f.add("timeouts", &RouteDefaults::timeouts, "How long the backend may take.");
  f.add("retry", &RouteDefaults::retry,
        "What happens when an endpoint fails before any content has reached the client.");
  f.add("usage", &RouteDefaults::usage, "Reads along with answers to count tokens and measure gaps.");
}

static void describe(Fields<Drain>& f) {
  f.about("Drain", "What happens on SIGTERM, and to an old process that has handed over to a new one.");
  f.add("timeout", &Drain::timeout, "How long exchanges in flight may go on; then they are cut.")
      .range(0s, 24h);
}

static void describe(Fields<Reload>& f) {
  f.about("Reload", "When this file is read again, beside SIGHUP and `sluicectl reload`.");
  f.add("watch", &Reload::watch, "`true`: whenever it changes.");
}

static void describe(Fields<Traces>& f) {
  f.about("Traces", "OpenTelemetry spans of exchanges, sent over OTLP/HTTP.");
  f.add("otlp", &Traces::otlp, "The collector, for example `http://127.0.0.1:4318`. Left out: no traces.")
      .rule(kHttpUrlText);
  f.add_share(
       "sample", &Traces::sample,
       "The share that is exported of exchanges whose client did not decide (traceparent's sampled flag).")
      .range(0, 1'000'000);
  f.add("slow", &Traces::slow, "Exchanges that take at least this long are exported in any case.")
      .range(0s, 24h);
  f.add("service_name", &Traces::service_name, "The `service.name` of the spans.").rule(kNameText);
  f.add("queue", &Traces::queue, "Exchanges that may wait to be sent; above it they are dropped and counted.")
      .range(1, 1'000'000);
  f.add("batch", &Traces::batch, "Most exchanges in one request to the collector.").range(1, 10'000);
  f.add("interval", &Traces::interval, "Longest time until a batch is sent.").range(10ms, 1h);
  f.add("timeout", &Traces::timeout, "How long the collector may take.").range(1ms, 5min);
}

static void describe(Fields<Observability>& f) {
  f.about("Observability", "What the gateway tells about its work.");
  f.add("access_log", &Observability::access_log, "One JSON line per exchange.");
  f.add("log", &Observability::log, "Messages for operators, on standard error.");
  f.add("traces", &Observability::traces, "OpenTelemetry spans of exchanges.");
}

static void describe(Fields<Config>& f) {
  f.about("Config", "The whole file.");
  f.add("version", &Config::version, "The version of this format.").required().range(1, 1);
  f.add("listeners", &Config::listeners, "Addresses on which clients are served.")
      .required()
      .items(1, kMaxListeners);
  f.add("admin", &Config::admin, "The operators' interface.");
  f.add("clusters", &Config::clusters, "Groups of model servers.").required().items(1, kMaxClusters);
  f.add("defaults", &Config::defaults, "What a route has where it does not say otherwise.").first();
  f.add("routes", &Config::routes, "Which requests go to which clusters; the first match wins.")
      .required()
      .items(1, kMaxRoutes);
  f.add("limits", &Config::limits, "Limits of the whole process.");
  f.add("drain", &Config::drain, "How a process ends.");
  f.add("reload", &Config::reload, "When the file is read again.");
  f.add("observability", &Config::observability, "Logs, traces.");
}

const Struct& config_struct() {
  return struct_of<Config>();
}

}  // namespace sluice::config
