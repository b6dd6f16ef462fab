// What the gateway is and does: health, state, numbers.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "gateway/app/admin/page.h"
#include "gateway/app/gateway.h"
#include "gateway/base/prometheus_text.h"

namespace sluice {

Task<AdminPage> live_page(Gateway&, const AdminRequest&) {
  co_return AdminPage{.body = "live\n"};
}

Task<AdminPage> ready_page(Gateway& gateway, const AdminRequest&) {
  if (gateway.draining()) co_return AdminPage{.status = 503, .body = "draining\n"};
  co_return AdminPage{.body = "ready\n"};
}

Task<AdminPage> status_page(Gateway& gateway, const AdminRequest&) {
  std::string listeners;
  const std::vector<Address> addresses = gateway.addresses();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    fmt::format_to(std::back_inserter(listeners), R"({}{{"name":{},"address":{},"tls":{}}})",
                   i == 0 ? "" : ",", json_quoted(gateway.config().listeners[i].name),
                   json_quoted(addresses[i].to_string()), gateway.config().listeners[i].tls.has_value());
  }
  co_return AdminPage::json(fmt::format(
      R"({{"version":{},"pid":{},"uptime_seconds":{:.3f},"draining":{},"config_generation":{},"config_path":{},"shards":{},"open_streams":{},"listeners":[{}]}})"
      "\n",
      json_quoted(SLUICE_VERSION), ::getpid(), std::chrono::duration<double>(gateway.uptime()).count(),
      gateway.draining(), gateway.generation(), json_quoted(gateway.config_path()), gateway.shard_count(),
      gateway.open_streams(), listeners));
}

Task<AdminPage> metrics_page(Gateway& gateway, const AdminRequest&) {
  std::string body = co_await gateway.metrics_text();
  co_return AdminPage{.type = kPrometheusContentType, .body = std::move(body)};
}

namespace {

void append_endpoint(const config::Endpoint& endpoint, std::string_view source, const EndpointState& state,
                     TimePoint now, std::string& out) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"address":{},"weight":{},"source":"{}","state":"{}","in_flight":{},"attempts":{},)"
      R"("failures":{}}})",
      json_quoted(state.name), endpoint.weight, source, state.avoided(now) ? "avoided" : "available",
      state.in_flight.load(std::memory_order_relaxed), state.attempts.load(std::memory_order_relaxed),
      state.failures.load(std::memory_order_relaxed));
}

// Times as seconds from now, null for what has not been yet.
void append_discovery(const DiscoveryWatcher& watcher, WallTime wall, TimePoint now, std::string& out) {
  const auto seconds = [](auto span) {
    return fmt::format("{:.3f}", std::chrono::duration<double>(span).count());
  };
  const DiscoveryState& s = watcher.state();
  fmt::format_to(std::back_inserter(out),
                 R"(,"discovery":{{"source":"{}","subject":{},"endpoints":{},"left_out":{},"outcome":{},)"
                 R"("problem":{},"failures":{},"last_success_seconds":{},"next_look_seconds":{}}})",
                 source_kind(watcher.settings()), json_quoted(source_subject(watcher.settings())),
                 s.endpoints.size(), s.left_out, s.outcome ? json_quoted(name(*s.outcome)) : "null",
                 s.problem.empty() ? "null" : json_quoted(s.problem), s.failures,
                 s.last_success ? seconds(wall - *s.last_success) : "null",
                 s.outcome ? seconds(std::max(s.next_look - now, Duration::zero())) : "null");
}

}  // namespace

Task<AdminPage> clusters_page(Gateway& gateway, const AdminRequest&) {
  const TimePoint now = gateway.control().now();
  std::string out = "{\"clusters\":[";
  for (const config::Cluster& c : gateway.config().clusters) {
    const DiscoveryWatcher* discovery = gateway.discovery().find(c.name);
    const std::vector<config::Endpoint> endpoints =
        discovery == nullptr ? c.endpoints : effective_endpoints(c, discovery->state().endpoints);
    fmt::format_to(std::back_inserter(out), R"({}{{"name":{},"endpoints":[)",
                   &c == gateway.config().clusters.data() ? "" : ",", json_quoted(c.name));
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const bool configured = i < c.endpoints.size();
      if (i > 0) out += ',';
      append_endpoint(endpoints[i], configured ? "static" : source_kind(discovery->settings()),
                      *gateway.endpoint(c.name, endpoints[i].address), now, out);
    }
    out += ']';
    if (discovery != nullptr) append_discovery(*discovery, gateway.control().time().wall(), now, out);
    out += '}';
  }
  co_return AdminPage::json(out + "]}\n");
}

}  // namespace sluice
