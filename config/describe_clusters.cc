#include <algorithm>
#include <array>
#include <chrono>

#include "config/describe.h"
#include "gateway/base/ip_network.h"

// Groups of model servers.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::size_t kMaxEndpoints = 1000;
constexpr std::size_t kMaxTags = 32;
constexpr std::size_t kMaxHashKeys = 8;
constexpr std::size_t kMaxNameservers = 8;

static auto choices(LoadBalancer::Policy /*type*/) {
  return std::array{"round_robin"sv, "least_loaded"sv, "ring_hash"sv, "maglev"sv};
}

static auto choices(Cluster::Protocol /*type*/) {
  return std::array{"http1"sv, "h2c"sv, "h2"sv, "auto"sv};
}

static void describe(Fields<Endpoint>& f) {
  f.about("Endpoint", "One model server.");
  f.add("address", &Endpoint::address, "Where it listens. A DNS name stands for all of its addresses.")
      .required();
  f.add("weight", &Endpoint::weight,
        "Its share relative to the cluster's other endpoints; 0 sends it nothing.")
      .range(0, kMaxWeight);
  f.add("zone", &Endpoint::zone, "Where it stands; see `load_balancer.prefer_zone`.").rule(kNameText);
  f.add("tags", &Endpoint::tags, "What routes may ask for; see a route's `clusters[].tags`.")
      .items(0, kMaxTags)
      .rule(kNameText);
  f.check([](const Endpoint& endpoint, const Scope& scope) {
    if (!scope.usable("address") || endpoint.address.kind != Address::Kind::kTcp) return;
    if (endpoint.address.port == 0)
      scope.error("address", "needs a port other than 0, which only a listener can have");
  });
}

static void describe(Fields<HashKey>& f) {
  f.about("HashKey", "What requests are told apart by. Exactly one of the keys.");
  f.add("header", &HashKey::header, "The value of this request header, after the route's `request.headers`.")
      .rule(kFieldNameText);
  f.add("cookie", &HashKey::cookie, "The value of this cookie.").rule(kFieldNameText);
  f.add(
       "member", &HashKey::member,
       "The value of this top-level member of the JSON body, a text, number or boolean. The routes that lead "
       "to the cluster read their requests' bodies for it.")
      .rule(kModelText);
  f.add("address", &HashKey::address, "`true`: the client's address.");
  f.check([](const HashKey& key, const Scope& scope) {
    const int given = int{key.header.has_value()} + int{key.cookie.has_value()} +
                      int{key.member.has_value()} + int{key.address.value_or(false)};
    if (given != 1) scope.error("", "needs exactly one of header, cookie, member and address");
  });
}

static void describe(Fields<LoadBalancer>& f) {
  f.about("LoadBalancer", "How an endpoint is chosen.");
  f.add(
      "policy", &LoadBalancer::policy,
      "`least_loaded` takes, of two drawn at random, the one with less work for its weight; "
      "`round_robin` goes round by weight; `ring_hash` and `maglev` send equal keys (`hash_by`) to the same "
      "endpoint, and few keys elsewhere when endpoints come or go.");
  f.add("hash_by", &LoadBalancer::hash_by,
        "The keys of the hashing policies: the first that a request has. A request with none goes anywhere.")
      .items(0, kMaxHashKeys);
  f.add("prefer_zone", &LoadBalancer::prefer_zone,
        "Endpoints of this zone are taken while one of them is available; the others only then.")
      .rule(kNameText);
  f.check([](const LoadBalancer& balancer, const Scope& scope) {
    if (!scope.usable("policy") || !scope.usable("hash_by")) return;
    const bool hashing = balancer.policy == LoadBalancer::Policy::kRingHash ||
                         balancer.policy == LoadBalancer::Policy::kMaglev;
    if (hashing && balancer.hash_by.empty()) {
      scope.error("policy", "needs hash_by, for example `hash_by: [{header: x-session-id}]`");
    } else if (!hashing && !balancer.hash_by.empty()) {
      scope.error("hash_by", "has no effect with this policy; use ring_hash or maglev, or remove it");
    }
  });
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
  f.add("prewarm", &Pool::prewarm,
        "Idle connections that each shard keeps open to each endpoint, so that a burst need not wait for "
        "them. Those that nobody uses are opened anew after idle_timeout.")
      .range(0, 1000);
  f.add("max_lifetime", &Pool::max_lifetime,
        "A connection serves no further request after about this long (up to a tenth less); 0s: no limit.")
      .range(0s, 24h);
}

static void describe(Fields<UpstreamHttp2>& f) {
  f.about("UpstreamHttp2", "HTTP/2 towards model servers, where `protocol` allows it.");
  f.add("max_streams", &UpstreamHttp2::max_streams,
        "Requests on one connection at a time, or fewer where the model server says so; above it another "
        "connection is opened.")
      .range(1, 10'000);
  f.add_size("stream_window", &UpstreamHttp2::stream_window,
             "What a model server may send of one answer ahead of its client, which is what a client that "
             "does not read costs in memory. Left out: `limits.stream_buffer_bytes`.")
      .range(64 * kKiB, 64 * kMiB);
  f.add_size("connection_window", &UpstreamHttp2::connection_window,
             "What may be under way on one connection. It costs no memory, and no client that reads slowly "
             "uses it up.")
      .range(64 * kKiB, kGiB);
  f.add("ping_interval", &UpstreamHttp2::ping_interval,
        "A connection with requests on it that was silent for so long is asked whether it lives; 0s: never.")
      .range(0s, 24h);
  f.add("ping_timeout", &UpstreamHttp2::ping_timeout,
        "A connection that has sent nothing so long after it was asked is closed, and what was on it fails.")
      .range(100ms, 10min);
  f.add(
      "ping_idle", &UpstreamHttp2::ping_idle,
      "`true`: connections without requests are asked too, for where something between closes silent ones.");
}

static bool is_name_and_port(const Address& address) {
  return address.kind == Address::Kind::kTcp && address.port != 0 && !parse_ip_address(address.host);
}

static bool is_ip_and_port(const Address& address) {
  return address.kind == Address::Kind::kTcp && address.port != 0 && parse_ip_address(address.host);
}

static void describe(Fields<Discovery>& f) {
  f.about("Discovery", "Endpoints that come and go. Exactly one of dns, srv and file.");
  f.add("dns", &Discovery::dns, "A name and a port: an endpoint for each of the name's addresses.");
  f.add("srv", &Discovery::srv,
        "The name of SRV records (RFC 2782): an endpoint for each, of the lowest priority, by their weights.")
      .rule(kDnsNameText);
  f.add("file", &Discovery::file, "A YAML file with a list `endpoints`, as a cluster has; it is watched.");
  f.add("nameservers", &Discovery::nameservers, "Whom to ask, instead of the system's (/etc/resolv.conf).")
      .items(0, kMaxNameservers);
  f.add("min_refresh", &Discovery::min_refresh,
        "Shortest time between two questions, however short the records live.")
      .range(100ms, 24h);
  f.add("max_refresh", &Discovery::max_refresh,
        "Longest time between two questions, however long the records live.")
      .range(100ms, 24h);
  f.add("timeout", &Discovery::timeout,
        "How long a name server may take. A silent one is asked again after a third of it.")
      .range(10ms, 1min);
  f.add("max_endpoints", &Discovery::max_endpoints,
        "Most endpoints that are taken; those beyond, by order of address, are left out and counted.")
      .range(1, kMaxEndpoints);
  f.check([](const Discovery& discovery, const Scope& scope) {
    if (!scope.usable("dns") || !scope.usable("srv") || !scope.usable("file")) return;
    const int given =
        int{discovery.dns.has_value()} + int{discovery.srv.has_value()} + int{discovery.file.has_value()};
    if (given != 1) scope.error("", "needs exactly one of dns, srv and file");
    if (discovery.dns && !is_name_and_port(*discovery.dns))
      scope.error("dns", "must be a DNS name and a port; addresses stand in endpoints");
    if (scope.usable("min_refresh") && scope.usable("max_refresh") &&
        discovery.min_refresh > discovery.max_refresh)
      scope.error("min_refresh", "must not exceed max_refresh; lower it, or raise max_refresh");
    for (std::size_t i = 0; i < discovery.nameservers.size(); ++i) {
      const std::string item = index_path("nameservers", i);
      if (scope.usable(item) && !is_ip_and_port(discovery.nameservers[i]))
        scope.error(item, "must be an IP address and a port, for example 10.0.0.53:53");
    }
  });
}

static void describe(Fields<EndpointList>& f) {
  f.about("EndpointList", "The file of a cluster's discovery.");
  f.add("endpoints", &EndpointList::endpoints, "The model servers.").required().items(1, kMaxEndpoints);
  f.check([](const EndpointList& list, const Scope& scope) {
    if (scope.usable("endpoints") &&
        std::ranges::none_of(list.endpoints, [](const Endpoint& e) { return e.weight > 0; }))
      scope.error("endpoints", "needs at least one endpoint with a weight above 0");
  });
}

const Struct& endpoint_list_struct() {
  return struct_of<EndpointList>();
}

static void check_server_name(const Cluster& cluster, const Scope& scope) {
  if (!cluster.tls || !cluster.tls->verify || cluster.tls->server_name || !scope.usable("tls")) return;
  const auto is_unix = [](const Endpoint& e) { return e.address.kind == Address::Kind::kUnix; };
  if (scope.usable("endpoints") && std::ranges::any_of(cluster.endpoints, is_unix)) {
    scope.error("tls", "needs server_name: an endpoint on a unix socket has no host to be checked by");
  } else if (scope.usable("discovery") && cluster.discovery && !cluster.discovery->file) {
    scope.error("tls",
                "needs server_name: discovery finds addresses, and it is a name that certificates are for");
  }
}

static void check_protocol(const Cluster& cluster, const Scope& scope) {
  if (!scope.usable("protocol") || !scope.usable("tls")) return;
  if (cluster.protocol == Cluster::Protocol::kH2c && cluster.tls)
    scope.error("protocol", "h2c is HTTP/2 without TLS, and there is tls; write h2");
  if (cluster.protocol == Cluster::Protocol::kH2 && !cluster.tls)
    scope.error("protocol", "h2 is HTTP/2 over TLS and needs tls; in plaintext write h2c");
  if (cluster.protocol == Cluster::Protocol::kAuto && !cluster.tls)
    scope.error("protocol", "auto is decided in the handshake of TLS and needs tls; write http1 or h2c");
}

void describe(Fields<Cluster>& f) {
  f.about("Cluster", "Model servers that are interchangeable.");
  f.add("name", &Cluster::name, "Unique among clusters; routes refer to it.").required().rule(kNameText);
  f.add(
      "protocol", &Cluster::protocol,
      "What the endpoints speak: `http1`, with or without TLS; or HTTP/2, which serves many requests on each "
      "connection, as `h2c` in plaintext or as `h2` over TLS; or `auto`, over TLS, where each connection's "
      "handshake chooses HTTP/2 if the model server knows it and else HTTP/1.1.");
  f.add("endpoints", &Cluster::endpoints, "The model servers. Needed unless there is `discovery`.")
      .items(0, kMaxEndpoints);
  f.add("discovery", &Cluster::discovery, "Endpoints that come and go, beside those given here.");
  f.add("tls", &Cluster::tls,
        "With it the model servers are spoken to over TLS, without it in plain HTTP. `{}` is enough for "
        "servers "
        "that prove the host names of their addresses to the system's authorities.");
  f.add("load_balancer", &Cluster::load_balancer, "How an endpoint is chosen.");
  f.add("pool", &Cluster::pool, "Connections to each endpoint.");
  f.add("http2", &Cluster::http2, "HTTP/2 towards model servers, where `protocol` allows it.");
  f.check([](const Cluster& cluster, const Scope& scope) {
    if (!scope.usable("endpoints") || cluster.discovery || !scope.usable("discovery")) return;
    if (!scope.is_set("endpoints")) {
      scope.error("endpoints", "is required where there is no discovery");
    } else if (std::ranges::none_of(cluster.endpoints, [](const Endpoint& e) { return e.weight > 0; })) {
      scope.error("endpoints", "needs at least one endpoint with a weight above 0");
    }
  });
  f.check(check_server_name);
  f.check(check_protocol);
}

}  // namespace sluice::config
