#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "gateway/proxy/filter.h"

namespace sluice {

// Filters in their order, outer first, owned. Built when the configuration is loaded; outlives every exchange
// on it.
template <class Subject>
class FilterChain {
 public:
  void add(std::unique_ptr<Filter<Subject>> filter) {
    order_.push_back(filter.get());
    owned_.push_back(std::move(filter));
  }

  Task<Result<void>> run(Subject& subject, ResponseWriter& out) const {
    return Next<Subject>(std::span(order_))(subject, out);
  }

  std::size_t size() const noexcept { return order_.size(); }

 private:
  std::vector<std::unique_ptr<Filter<Subject>>> owned_;
  std::vector<Filter<Subject>*> order_;
};

using ExchangeChain = FilterChain<Exchange>;
using CallChain = FilterChain<Call>;

}  // namespace sluice
