#include "gateway/app/listener_plan.h"

#include <algorithm>
#include <utility>

#include "gateway/app/listener_tls.h"

namespace sluice {
namespace {

std::string key_of(const config::Listener& listener) {
  const bool chosen_by_system = listener.address.kind == Address::Kind::kTcp && listener.address.port == 0;
  return listener.address.to_string() + (chosen_by_system ? " " + listener.name : "");
}

std::shared_ptr<const std::vector<IpNetwork>> networks(const std::vector<std::string>& texts) {
  if (texts.empty()) return nullptr;
  auto parsed = std::make_shared<std::vector<IpNetwork>>();
  for (const std::string& text : texts)
    parsed->push_back(*IpNetwork::parse(text));  // checked when the configuration was loaded
  return parsed;
}

ServerOptions server_options(const config::Listener& listener) {
  const config::Http& http = listener.http;
  ServerOptions options;
  options.limits.trusted_proxies = networks(listener.trusted_proxies);
  options.limits.forward_client_certificate = listener.tls && listener.tls->forward_client_certificate;
  options.limits.head = {.max_head_bytes = http.max_head_bytes,
                         .max_headers = http.max_headers,
                         .max_uri_bytes = http.max_uri_bytes};
  options.limits.max_body_bytes = http.max_body_bytes;
  options.limits.head_timeout = http.head_timeout;
  options.limits.idle_timeout = http.idle_timeout;
  options.limits.write_timeout = http.write_timeout;
  options.limits.min_body_rate = http.min_body_rate;
  options.limits.body_grace = http.body_grace;
  options.limits.max_streams = http.max_streams;
  return options;
}

// One socket for each shard, on one port.
Result<std::vector<ListenSocket>> bind_all(const config::Listener& listener, std::size_t shards) {
  Address address = listener.address;
  ListenOptions options;
  options.backlog = static_cast<int>(listener.backlog);
  options.reuse_port = shards > 1;
  if (options.reuse_port && address.port != 0) {
    // SO_REUSEPORT would let this process share the port of another gateway in silence: ask without it first.
    ListenOptions alone = options;
    alone.reuse_port = false;
    if (Result<ListenSocket> probe = ListenSocket::bind(address, alone); !probe)
      return fail(std::move(probe.error()));
  }
  std::vector<ListenSocket> sockets;
  for (std::size_t i = 0; i < shards; ++i) {
    const bool duplicated = i > 0 && address.kind == Address::Kind::kUnix;
    Result<ListenSocket> socket =
        duplicated ? sockets.front().duplicate() : ListenSocket::bind(address, options);
    if (!socket) return fail(std::move(socket.error()));
    address = socket->address();  // with the port that the system chose
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

// The sockets for a listener that is not there yet.
Result<std::vector<ListenSocket>> open_sockets(const config::Listener& listener, std::size_t shards,
                                               InheritedSockets& inherited) {
  std::vector<ListenSocket> sockets = inherited.take(listener.address, listener.name);
  if (sockets.empty()) return bind_all(listener, shards);
  const std::size_t given = sockets.size();
  for (std::size_t i = given; i < shards; ++i) {
    Result<ListenSocket> copy = sockets[i % given].duplicate();
    if (!copy) return fail(std::move(copy.error()));
    sockets.push_back(std::move(*copy));
  }
  return sockets;
}

}  // namespace

Result<ListenerPlan> plan_listeners(const std::vector<config::Listener>& wanted,
                                    const std::vector<BoundListener>& running, std::size_t shards,
                                    InheritedSockets& inherited, const TimeSource& time) {
  ListenerPlan plan;
  plan.shards.resize(shards);
  for (const config::Listener& l : wanted) {
    BoundListener bound{key_of(l), l.name, l.address, l.max_connections, nullptr};
    std::vector<ListenSocket> sockets;
    const auto known = std::ranges::find(running, bound.key, &BoundListener::key);
    if (known != running.end()) bound.keys = known->keys;
    Result<std::optional<TlsAcceptOptions>> tls = tls_accept_options(l, bound.keys, time);
    if (!tls) return fail(std::move(tls.error()));
    if (known != running.end()) {
      bound.address = known->address;
      bound.limit = known->limit;
    } else {
      Result<std::vector<ListenSocket>> fresh = open_sockets(l, shards, inherited);
      if (!fresh) return fail(std::move(fresh.error()));
      sockets = std::move(*fresh);
      bound.address = sockets.front().address();
      bound.limit = std::make_shared<ConnectionLimit>();
    }
    for (std::size_t i = 0; i < shards; ++i) {
      ListenerUpdate& update = plan.shards[i].emplace_back();
      update.key = bound.key;
      update.options = server_options(l);
      update.options.tls = *tls;
      update.backlog = static_cast<int>(l.backlog);
      update.limit = bound.limit;
    }
    for (std::size_t i = 0; i < sockets.size(); ++i)
      plan.shards[i % shards].back().sockets.push_back(std::move(sockets[i]));
    plan.listeners.push_back(std::move(bound));
  }
  return plan;
}

}  // namespace sluice
