#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/llm/splice.h"
#include "gateway/proxy/exchange_record.h"
#include "gateway/proxy/request.h"
#include "gateway/proxy/route_timeouts.h"

namespace sluice {

class UpstreamCluster;
struct EndpointState;

// One upstream call: a request, where it goes, the edits it is sent with, and when it must have what. Cheap
// to copy. What it points at outlives it; what it learns goes to `record`.
struct Call {
  std::shared_ptr<const Request> request = {};
  // Where the request is kept for another call, should this one fail.
  std::shared_ptr<Request>* kept_for_others = nullptr;
  UpstreamCluster* target = nullptr;
  // Only endpoints of the target that have all of these will do; null or empty: any. Lives as long as the
  // route's chain.
  const std::vector<std::string>* tags = nullptr;
  llm::Splices splices = {};  // each attempt begins with those of the first, and sees no other's
  const RouteTimeouts* timeouts = nullptr;
  ExchangeRecord* record = nullptr;

  std::uint32_t attempt = 1;
  std::vector<std::shared_ptr<const EndpointState>> tried = {};  // endpoints that failed this call

  // The answer has begun, so that nobody will send the request again: its body and heads need not stay for
  // the minutes that the answer takes. Whoever is still sending it holds it on his own.
  void answered() noexcept {
    request.reset();
    if (kept_for_others != nullptr) kept_for_others->reset();
  }
};

}  // namespace sluice
