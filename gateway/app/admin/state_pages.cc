// What the gateway is and does: health, state, numbers.
#include <fmt/format.h>
#include <unistd.h>

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
    fmt::format_to(std::back_inserter(listeners), R"({}{{"name":{},"address":{}}})", i == 0 ? "" : ",",
                   json_quoted(gateway.config().listeners[i].name), json_quoted(addresses[i].to_string()));
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

Task<AdminPage> clusters_page(Gateway& gateway, const AdminRequest&) {
  const TimePoint now = gateway.control().now();
  std::string out = "{\"clusters\":[";
  bool first_cluster = true;
  for (const config::Cluster& c : gateway.config().clusters) {
    fmt::format_to(std::back_inserter(out), "{}{{\"name\":{},\"endpoints\":[",
                   std::exchange(first_cluster, false) ? "" : ",", json_quoted(c.name));
    for (std::size_t i = 0; i < c.endpoints.size(); ++i) {
      const auto state = gateway.endpoint(c.name, c.endpoints[i].address);
      const EndpointState& e = *state;
      fmt::format_to(std::back_inserter(out),
                     "{}{{\"address\":{},\"weight\":{},\"state\":\"{}\",\"in_flight\":{},\"attempts\":{},"
                     "\"failures\":{}}}",
                     i == 0 ? "" : ",", json_quoted(e.name), c.endpoints[i].weight,
                     e.avoided(now) ? "avoided" : "available", e.in_flight.load(std::memory_order_relaxed),
                     e.attempts.load(std::memory_order_relaxed), e.failures.load(std::memory_order_relaxed));
    }
    out += "]}";
  }
  co_return AdminPage::json(out + "]}\n");
}

}  // namespace sluice
