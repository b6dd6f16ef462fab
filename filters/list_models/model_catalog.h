#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/proxy/filter_chain.h"
#include "gateway/proxy/request.h"
#include "gateway/proxy/route_timeouts.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

class UpstreamCluster;

// What all clusters serve, by their own word (GET /v1/models), and the names that routes give to models. It
// asks when somebody wants to know and what it knows is older than kFresh; nobody but the very first waits
// for the answers. A cluster that does not answer keeps the models of its last answer. Threads: its loop's.
class ModelCatalog {
 public:
  // `fetch` sends a call to its target. `clusters` outlive the catalog. `aliases` are always listed.
  ModelCatalog(Loop& loop, CallChain fetch, const std::vector<UpstreamCluster*>& clusters,
               std::vector<std::string> aliases);

  // The ids, each once and sorted. Waits, until each cluster was asked once, at most kFirstWait.
  Task<std::vector<std::string>> ids();

  static constexpr Duration kFresh = std::chrono::seconds(10);
  static constexpr Duration kFirstWait = std::chrono::seconds(2);
  static constexpr std::size_t kMaxAnswerBytes = 1 << 20;  // of a backend; a longer one counts as none

 private:
  struct Source {
    UpstreamCluster* cluster;
    std::vector<std::string> ids = {};
  };

  void refresh();
  Task<void> ask(Source& source);

  Loop& loop_;
  CallChain fetch_;
  std::vector<Source> sources_;
  std::vector<std::string> aliases_;
  std::shared_ptr<const Request> request_;
  RouteTimeouts timeouts_;
  std::optional<TimePoint> asked_at_;
  std::size_t unanswered_ = 0;  // clusters asked that have neither answered nor failed
  bool known_ = false;          // every cluster was asked once
  Signal answered_;
  TaskGroup tasks_;  // last: its tasks use the others
};

}  // namespace sluice
