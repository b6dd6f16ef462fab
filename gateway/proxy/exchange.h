#pragma once

#include <memory>

#include "gateway/http/stream.h"
#include "gateway/proxy/exchange_record.h"
#include "gateway/proxy/request.h"
#include "gateway/proxy/route_table.h"
#include "gateway/runtime/intrusive_list.h"

namespace sluice {

class UpstreamCluster;

// One client request and its answer, from the head to the last byte. Lives in the proxy's coroutine frame: it
// ends when the client has its answer or has left. Filters borrow it. Threads: its shard's.
struct Exchange : ListNode<Exchange> {
  Exchange(ServerStream& s, std::shared_ptr<const RouteTable> table)
      : stream(s), routes(std::move(table)), head_match(routes->match(s.head)) {}

  ServerStream& stream;
  // The routes of the configuration that the exchange began with: it keeps them to its end, whatever is
  // loaded since.
  std::shared_ptr<const RouteTable> routes;
  Result<RouteTable::HeadMatch> head_match;
  const Route* route = nullptr;  // final after the body view

  std::shared_ptr<Request> request = std::make_shared<Request>();
  UpstreamCluster* target = nullptr;  // set by the target choice
  ExchangeRecord record;

  const RequestHead& head() const noexcept { return stream.head; }
};

using ExchangeList = IntrusiveList<Exchange, Exchange>;

}  // namespace sluice
