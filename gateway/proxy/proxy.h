#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "gateway/http/stream.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/exchange_sink.h"
#include "gateway/proxy/filter_chain.h"
#include "gateway/proxy/route_table.h"
#include "gateway/proxy/stream_places.h"
#include "gateway/proxy/trace_sampler.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Serves a shard's requests: makes an Exchange of each, matches the head with the routes and runs the entry
// chain, whose last filter completes the match and enters the route's own chain. Threads: its shard's.
class Proxy final : public StreamHandler {
 public:
  Proxy(Loop& loop, ExchangeChain entry, std::shared_ptr<const RouteTable> routes, StreamLimit& limit,
        ExchangeSink& sink, TraceSampler sampler = {});

  Task<Result<void>> serve(ServerStream& stream) override;
  Task<Result<void>> refuse(RefusedRequest refused) override;

  // For the exchanges that begin from now on: those in flight keep the table they began with.
  void set_routes(std::shared_ptr<const RouteTable> routes) noexcept { routes_ = std::move(routes); }

  // Ends the exchanges of this id in this loop turn: the client sees its answer cut, the upstream is closed,
  // and the record says kKilled. False if there is none. Not from inside an exchange.
  bool kill(std::string_view id);

  // Exchanges in flight on this shard, oldest first.
  ExchangeList& exchanges() noexcept { return exchanges_; }
  // How many. Threads: any.
  std::int64_t open_streams() const noexcept { return places_.open(); }
  void trim_places() noexcept { places_.trim(); }

 private:
  void begin(Exchange& exchange);

  Loop& loop_;
  ExchangeChain entry_;
  std::shared_ptr<const RouteTable> routes_;
  StreamPlaces places_;
  ExchangeSink& sink_;
  TraceSampler sampler_;
  ExchangeList exchanges_;
};

}  // namespace sluice
