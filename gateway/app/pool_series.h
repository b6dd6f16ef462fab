#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "backends/cluster/upstream_pool.h"
#include "gateway/base/metrics.h"

namespace sluice {

// The metric series of one endpoint's pool on one shard. They end with it: an address that discovery dropped
// leaves nothing behind.
class PoolSeries {
 public:
  PoolSeries(Metrics& metrics, std::string cluster, std::string endpoint);
  PoolSeries(const PoolSeries&) = delete;
  PoolSeries& operator=(const PoolSeries&) = delete;
  ~PoolSeries();

  const PoolMetrics& cells() const noexcept { return cells_; }

 private:
  Metrics& metrics_;
  std::string cluster_;
  std::string endpoint_;
  PoolMetrics cells_;
};

// Hands out an endpoint's series. The pool of streams that go on and the pool that replaced it, with other
// settings, count together. Threads: its shard's.
class PoolSeriesSet {
 public:
  explicit PoolSeriesSet(Metrics& metrics) noexcept : metrics_(metrics) {}

  std::shared_ptr<PoolSeries> get(const std::string& cluster, const std::string& endpoint);
  void forget_dead();

 private:
  Metrics& metrics_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<PoolSeries>> series_;
};

}  // namespace sluice
