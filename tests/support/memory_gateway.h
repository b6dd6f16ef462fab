#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/upstream_cluster.h"
#include "gateway/base/metrics.h"
#include "gateway/http/http1/server_connection.h"
#include "gateway/http/http2/server_connection.h"
#include "gateway/proxy/proxy.h"
#include "gateway/runtime/task_group.h"
#include "tests/support/memory_network.h"
#include "tests/support/record_sink.h"
#include "tests/support/test_client.h"
#include "tests/support/test_loop.h"

namespace sluice::test {

PoolMetrics pool_metrics(Metrics& metrics, const std::string& endpoint);

// What a test's gateway is made of. Endpoints are named by their address.
struct GatewayPlan {
  struct Cluster {
    std::string name = "models";
    std::vector<std::string> endpoints = {"one:1"};
    PoolOptions pool = {};
    BalancerPolicy balancer = BalancerPolicy::kRoundRobin;
  };
  struct Route {
    std::string name = "all";
    RouteRule rule = {};
    std::vector<std::pair<std::string, std::uint32_t>> clusters = {{"models", 1}};
    RouteTimeouts timeouts = {};
    std::uint64_t max_body_bytes = 16 * 1024 * 1024;
    std::uint32_t attempts = 3;
  };
  std::vector<Cluster> clusters = {Cluster{}};
  std::vector<Route> routes = {Route{}};
  http1::ServerLimits limits = {};
  std::size_t stream_buffer_bytes = BufferPool::kDefaultLargeBytes;
  std::size_t client_capacity = 64 * 1024;
};

// A whole gateway without a socket: client ends, codec, proxy, filters, forwarder, pools and backends' ends
// on one loop of manual time.
class MemoryGateway {
 public:
  explicit MemoryGateway(GatewayPlan plan = {});
  ~MemoryGateway();

  TestClient connect();
  // The client's end of a connection that the gateway takes for HTTP/2.
  std::unique_ptr<MemoryTransport> connect_http2();

  UpstreamCluster& cluster(std::size_t index = 0) { return *clusters_[index]; }
  EndpointState& endpoint(std::size_t index = 0) { return *cluster().endpoints()[index]->state; }
  Proxy& proxy() { return *proxy_; }
  std::size_t connections() const noexcept { return connections_.size(); }
  // The one exchange in flight; null if there is none.
  Exchange* exchange();

  // What is left of exchanges anywhere in the gateway, in words; empty if nothing is. Idle connections of
  // clients and pools are not left-overs.
  std::string leftovers();

  TestLoop t;
  Loop& loop = t.loop;
  Metrics metrics;
  RecordSink sink;
  MemoryNetwork network;
  http2::ServerCounts http2_counts;

 private:
  void build_clusters(const GatewayPlan& plan);
  std::shared_ptr<const RouteTable> build_routes(const GatewayPlan& plan);
  Task<void> serve(std::unique_ptr<MemoryTransport> transport);
  Task<void> serve_http2(std::unique_ptr<MemoryTransport> transport);

  GatewayPlan plan_;
  EndpointRegistry registry_;
  StreamLimit streams_;
  std::vector<std::unique_ptr<UpstreamCluster>> clusters_;
  std::unique_ptr<Proxy> proxy_;
  TaskGroup connections_;
};

}  // namespace sluice::test
