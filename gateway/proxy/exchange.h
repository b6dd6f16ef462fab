#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/http/stream.h"
#include "gateway/proxy/call.h"
#include "gateway/proxy/client_address.h"
#include "gateway/proxy/exchange_record.h"
#include "gateway/proxy/request.h"
#include "gateway/proxy/route_table.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice {

class UpstreamCluster;

// One client request and its answer, from the head to the last byte. Lives in the proxy's coroutine frame: it
// ends when the client has its answer or has left. Filters borrow it. Threads: its shard's.
struct Exchange : ListNode<Exchange> {
  Exchange(ServerStream& s, const std::shared_ptr<const RouteTable>& table)
      : stream(s),
        client(client_address(s.head.headers, s.peer, s.trusted_proxies)),
        routes(table),
        head_match(routes->match(s.head, client.text)) {}

  ServerStream& stream;
  ClientAddress client;
  // The routes of the configuration that the exchange began with: it keeps them to its end, whatever is
  // loaded since.
  std::shared_ptr<const RouteTable> routes;
  Result<RouteTable::HeadMatch> head_match;
  const Route* route = nullptr;  // final after the body view

  // Null when its answer has begun.
  std::shared_ptr<Request> request = std::allocate_shared<Request>(PooledAllocator<Request>());
  // Set by the target choice, whose route keeps what they point at.
  UpstreamCluster* target = nullptr;
  const std::vector<std::string>* tags = nullptr;  // of the target's endpoints; null: any will do
  const std::string* served_as = nullptr;          // the model's name at the target; null: the client's
  ExchangeRecord record;
  std::optional<Call> call;  // that the client's answer comes from

  const RequestHead& head() const noexcept { return stream.head; }
  // How the client is told of an error: as its route says, or the first that its head allows.
  ErrorFormat error_format() const noexcept {
    if (route != nullptr) return route->error_format;
    return head_match ? (*routes)[head_match->first].error_format : ErrorFormat::kOpenAi;
  }
};

using ExchangeList = IntrusiveList<Exchange, Exchange>;

}  // namespace sluice
