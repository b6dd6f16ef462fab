#include <algorithm>
#include <array>
#include <chrono>

#include "config/describe.h"

// Groups of model servers.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::size_t kMaxEndpoints = 1000;
constexpr std::size_t kMaxTags = 32;
constexpr std::size_t kMaxHashKeys = 8;

static auto choices(LoadBalancer::Policy /*type*/) {
  return std::array{"round_robin"sv, "least_loaded"sv, "ring_hash"sv, "maglev"sv};
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
}

void describe(Fields<Cluster>& f) {
  f.about("Cluster", "Model servers that are interchangeable.");
  f.add("name", &Cluster::name, "Unique among clusters; routes refer to it.").required().rule(kNameText);
  f.add("endpoints", &Cluster::endpoints, "The model servers.").required().items(1, kMaxEndpoints);
  f.add("load_balancer", &Cluster::load_balancer, "How an endpoint is chosen.");
  f.add("pool", &Cluster::pool, "Connections to each endpoint.");
  f.check([](const Cluster& cluster, const Scope& scope) {
    if (!scope.usable("endpoints")) return;
    if (std::ranges::none_of(cluster.endpoints, [](const Endpoint& e) { return e.weight > 0; }))
      scope.error("endpoints", "needs at least one endpoint with a weight above 0");
  });
}

}  // namespace sluice::config
