#pragma once

#include <utility>
#include <vector>

#include "filters/list_models/model_catalog.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Answers GET /v1/models, in OpenAI's shape, for all clusters and routes together. Never calls next.
class ListModelsFilter final : public ExchangeFilter {
 public:
  ListModelsFilter(Loop& loop, CallChain fetch, const std::vector<UpstreamCluster*>& clusters,
                   std::vector<std::string> aliases)
      : catalog_(loop, std::move(fetch), clusters, std::move(aliases)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  ModelCatalog catalog_;
};

}  // namespace sluice
