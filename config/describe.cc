#include "config/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "config/units.h"

// Every key of the configuration: name, member, meaning, range. The meaning is what the reference prints.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;
constexpr std::int64_t kMaxWeight = 1'000'000;
constexpr std::size_t kMaxListeners = 64;
constexpr std::size_t kMaxClusters = 1000;
constexpr std::size_t kMaxEndpoints = 1000;
constexpr std::size_t kMaxRoutes = 1000;
constexpr std::size_t kMaxNames = 256;

static auto choices(LoadBalancer::Policy /*type*/) {
  return std::array{"round_robin"sv, "least_loaded"sv};
}
static auto choices(Log::Level /*type*/) {
  return std::array{"debug"sv, "info"sv, "warning"sv, "error"sv};
}

template <class Item>
static bool has_weight(const std::vector<Item>& items) {
  return std::ranges::any_of(items, [](const Item& item) { return item.weight > 0; });
}

static void describe(Fields<Http>& f) {
  f.about("Http", "Limits on what a client may send, and how slowly.");
  f.add_size("max_head_bytes", &Http::max_head_bytes,
             "Longest request head, request line included; above it 431.")
      .range(
          512,
          64 * kKiB);  // a head is parsed in one read buffer of at least limits.stream_buffer_bytes' minimum
  f.add("max_headers", &Http::max_headers, "Most header fields in a request; above it 431.").range(1, 10'000);
  f.add_size("max_uri_bytes", &Http::max_uri_bytes, "Longest request target; above it 414.").range(64, kMiB);
  f.add_size("max_body_bytes", &Http::max_body_bytes,
             "Longest request body; above it 413. A route may set its own.")
      .range(0, 4 * kGiB);
  f.add("head_timeout", &Http::head_timeout,
        "Longest time from the first byte of a request to the end of its head.")
      .range(1ms, 1h);
  f.add("idle_timeout", &Http::idle_timeout, "Longest silence between two requests on a connection.")
      .range(1ms, 24h);
  f.add_size("min_body_rate", &Http::min_body_rate,
             "Least bytes per second of a request body; below it 408. 0 turns the check off.")
      .range(0, kGiB);
  f.add("body_grace", &Http::body_grace,
        "Time at the start of a body in which `min_body_rate` does not apply.")
      .range(0s, 1h);
  f.add("write_timeout", &Http::write_timeout,
        "A client that takes no byte of its answer for this long is cut off.")
      .range(1ms, 1h);
}

static void describe(Fields<Listener>& f) {
  f.about("Listener", "An address on which clients are served.");
  f.add("name", &Listener::name, "Unique among listeners; a label in metrics and in the access log.")
      .required()
      .rule(kNameText);
  f.add("address", &Listener::address, "Where to listen. Port 0 picks a free port.").required();
  f.add("backlog", &Listener::backlog, "Connections the kernel may hold before they are accepted.")
      .range(1, 65'535);
  f.add("max_connections", &Listener::max_connections,
        "Open connections; above it new ones are closed at once.")
      .range(1, 1'000'000);
  f.add("http", &Listener::http, "Limits on what a client may send, and how slowly.");
}

static void describe(Fields<Admin>& f) {
  f.about("Admin",
          "The operators' interface: health, metrics, state. It asks for no password: keep it private.");
  f.add("enabled", &Admin::enabled, "`false` opens no admin address at all.");
  f.add("address", &Admin::address, "Where to listen. Port 0 picks a free port.");
}

static void describe(Fields<Endpoint>& f) {
  f.about("Endpoint", "One model server.");
  f.add("address", &Endpoint::address, "Where it listens. A DNS name stands for all of its addresses.")
      .required();
  f.add("weight", &Endpoint::weight,
        "Its share relative to the cluster's other endpoints; 0 sends it nothing.")
      .range(0, kMaxWeight);
  f.check([](const Endpoint& endpoint, const Scope& scope) {
    if (!scope.usable("address") || endpoint.address.kind != Address::Kind::kTcp) return;
    if (endpoint.address.port == 0)
      scope.error("address", "needs a port other than 0, which only a listener can have");
  });
}

static void describe(Fields<LoadBalancer>& f) {
  f.about("LoadBalancer", "How an endpoint is chosen.");
  f.add("policy", &LoadBalancer::policy,
        "`least_loaded` takes, of two drawn at random, the one with less work for its weight; "
        "`round_robin` goes "
        "round by weight.");
}

static void describe(Fields<Pool>& f) {
  f.about("Pool", "Connections to each endpoint.");
  f.add("max_connections", &Pool::max_connections, "Connections per endpoint and shard.").range(1, 100'000);
  f.add("max_waiting", &Pool::max_waiting, "Requests that may wait for a connection; above it 503.")
      .range(0, 1'000'000);
  f.add("max_idle", &Pool::max_idle, "Idle connections kept per endpoint and shard.").range(0, 100'000);
  f.add("idle_timeout", &Pool::idle_timeout,
        "An idle connection is closed after this long. Keep it below the model server's own (vLLM: 5s), or "
        "requests "
        "will meet connections that the server is closing.")
      .range(0s, 24h);
}

static void describe(Fields<Cluster>& f) {
  f.about("Cluster", "Model servers that are interchangeable.");
  f.add("name", &Cluster::name, "Unique among clusters; routes refer to it.").required().rule(kNameText);
  f.add("endpoints", &Cluster::endpoints, "The model servers.").required().items(1, kMaxEndpoints);
  f.add("load_balancer", &Cluster::load_balancer, "How an endpoint is chosen.");
  f.add("pool", &Cluster::pool, "Connections to each endpoint.");
  f.check([](const Cluster& cluster, const Scope& scope) {
    if (scope.usable("endpoints") && !has_weight(cluster.endpoints)) {
      scope.error("endpoints", "needs at least one endpoint with a weight above 0");
    }
  });
}

static void describe(Fields<PathMatch>& f) {
  f.about("PathMatch", "The path of a request, without its query. Exactly one of the keys.");
  f.add("exact", &PathMatch::exact, "The whole path.").rule(kPathText);
  f.add("prefix", &PathMatch::prefix, "The start of the path, byte for byte: `/v1` also matches `/v10`.")
      .rule(kPathText);
  f.check([](const PathMatch& path, const Scope& scope) {
    if (!scope.usable("exact") || !scope.usable("prefix")) return;
    if (path.exact && path.prefix) scope.error("prefix", "cannot stand beside exact; keep one of the two");
    if (!path.exact && !path.prefix) scope.error("", "needs one of exact and prefix");
  });
}

static void describe(Fields<Match>& f) {
  f.about("Match", "Which requests a route takes: those that everything given here fits.");
  f.add("path", &Match::path, "The path of the request.").required();
  f.add("model", &Match::model,
        "The model that the request asks for, or a list of models. Left out: any, also none.")
      .items(0, kMaxNames)
      .one_or_many()
      .rule(kModelText);
  f.add("methods", &Match::methods, "HTTP methods. Left out: any.").items(0, kMaxNames).rule(kMethodText);
}

static void describe(Fields<WeightedCluster>& f) {
  f.about("WeightedCluster", "A cluster and its share of a route's requests.");
  f.add("name", &WeightedCluster::name, "The name of a cluster.").required().rule(kNameText);
  f.add("weight", &WeightedCluster::weight,
        "Its share relative to the route's other clusters; 0 sends it nothing.")
      .range(0, kMaxWeight);
}

static void check_below_total(const Timeouts& timeouts, const Scope& scope, std::string_view name,
                              Duration value) {
  if (!scope.usable("total") || !scope.usable(name) || value <= timeouts.total) return;
  scope.error(name,
              fmt::format("must not exceed total ({}), got {}{}", format_duration(timeouts.total.count()),
                          format_duration(value.count()), scope.is_set(name) ? "" : ", the default"));
}

static void describe(Fields<Timeouts>& f) {
  f.about("Timeouts", "How long the backend may take. None may exceed `total`.");
  f.add("connect", &Timeouts::connect, "Opening a connection to an endpoint.").range(1ms, 1h);
  f.add("first_content", &Timeouts::first_content,
        "From the request's end to the first content of the answer.")
      .range(1ms, 24h);
  f.add("between_tokens", &Timeouts::between_tokens, "Longest silence within a streamed answer.")
      .range(1ms, 24h);
  f.add("total", &Timeouts::total, "The whole exchange, retries included.").range(1ms, 24h);
  f.check([](const Timeouts& timeouts, const Scope& scope) {
    check_below_total(timeouts, scope, "connect", timeouts.connect);
    check_below_total(timeouts, scope, "first_content", timeouts.first_content);
    check_below_total(timeouts, scope, "between_tokens", timeouts.between_tokens);
  });
}

static void describe(Fields<Retry>& f) {
  f.about("Retry", "What happens when an endpoint fails before any content has reached the client.");
  f.add("attempts", &Retry::attempts, "Attempts in total, with the first; 1 turns retries off.").range(1, 10);
}

static void describe(Fields<Route>& f) {
  f.about("Route",
          "Which requests go where. Routes are tried in order; the first that matches takes the request.");
  f.add("name", &Route::name,
        "Unique among routes; a label in metrics and in the access log. Left out: `routes[N]`.")
      .rule(kNameText);
  f.add("match", &Route::match, "Which requests the route takes.").required();
  f.add("clusters", &Route::clusters, "Where they go, split by weight.").required().items(1, kMaxNames);
  f.add("timeouts", &Route::timeouts, "How long the backend may take.");
  f.add("retry", &Route::retry,
        "What happens when an endpoint fails before any content has reached the client.");
  f.add_size("max_body_bytes", &Route::max_body_bytes, "Longest request body, instead of the listener's.")
      .range(0, 4 * kGiB);
  f.check([](const Route& route, const Scope& scope) {
    if (scope.usable("clusters") && !has_weight(route.clusters)) {
      scope.error("clusters", "needs at least one cluster with a weight above 0");
    }
  });
}

static void describe(Fields<Limits>& f) {
  f.about("Limits", "Limits of the whole process.");
  f.add("max_streams", &Limits::max_streams, "Requests in flight; above it 503.").range(1, 1'000'000);
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

static void describe(Fields<Observability>& f) {
  f.about("Observability", "What the gateway tells about its work.");
  f.add("access_log", &Observability::access_log, "One JSON line per exchange.");
  f.add("log", &Observability::log, "Messages for operators, on standard error.");
}

static void describe(Fields<Config>& f) {
  f.about("Config", "The whole file.");
  f.add("version", &Config::version, "The version of this format.").required().range(1, 1);
  f.add("listeners", &Config::listeners, "Addresses on which clients are served.")
      .required()
      .items(1, kMaxListeners);
  f.add("admin", &Config::admin, "The operators' interface.");
  f.add("clusters", &Config::clusters, "Groups of model servers.").required().items(1, kMaxClusters);
  f.add("routes", &Config::routes, "Which requests go to which clusters; the first match wins.")
      .required()
      .items(1, kMaxRoutes);
  f.add("limits", &Config::limits, "Limits of the whole process.");
  f.add("observability", &Config::observability, "Logs.");
}

const Struct& config_struct() {
  return struct_of<Config>();
}

}  // namespace sluice::config
