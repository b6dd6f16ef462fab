#include "filters/target_choice/target_choice_filter.h"

#include <utility>

namespace sluice {
namespace {

std::vector<std::uint32_t> weights_of(const std::vector<WeightedTarget>& targets) {
  std::vector<std::uint32_t> weights;
  weights.reserve(targets.size());
  for (const WeightedTarget& t : targets)
    weights.push_back(t.weight);
  return weights;
}

}  // namespace

TargetChoiceFilter::TargetChoiceFilter(std::vector<WeightedTarget> targets)
    : targets_(std::move(targets)), weights_(weights_of(targets_)) {}

Task<Result<void>> TargetChoiceFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  const WeightedTarget& chosen = targets_[weights_.next()];
  exchange.target = chosen.cluster;
  exchange.tags = chosen.tags.empty() ? nullptr : &chosen.tags;
  exchange.served_as = chosen.served_as ? &*chosen.served_as : nullptr;
  exchange.record.cluster = chosen.name;
  return next(exchange, client);
}

}  // namespace sluice
