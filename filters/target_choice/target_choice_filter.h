#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/base/smooth_weights.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

class UpstreamCluster;

struct WeightedTarget {
  UpstreamCluster* cluster;
  std::string name;
  std::uint32_t weight = 1;
  std::optional<std::string> served_as = {};  // the model's name there
  std::vector<std::string> tags = {};         // that its endpoints must have
};

// Chooses the target that serves an exchange: a route's weights, exactly, on each shard. Runs before the
// cache, whose key needs the target.
class TargetChoiceFilter final : public ExchangeFilter {
 public:
  explicit TargetChoiceFilter(std::vector<WeightedTarget> targets);

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  std::vector<WeightedTarget> targets_;
  SmoothWeights weights_;
};

}  // namespace sluice
