#pragma once

#include <optional>
#include <string>
#include <utility>

#include "gateway/proxy/edits.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Where a redirect leads; what is not set stays as in the request.
struct RedirectTarget {
  int status = 308;
  std::optional<std::string> scheme = {};
  std::optional<std::string> host = {};     // with a port if need be
  std::optional<std::string> path = {};     // the whole path
  std::optional<PathRewrite> rewrite = {};  // else a part of it

  // The value of Location (RFC 9110 10.2.2). Without a host and a scheme of its own it is relative, so that
  // the client keeps those by which it reached us, whatever stands between. A new scheme has its own default
  // port: the request's port is not kept.
  std::string location(const RequestHead& head) const;
};

// Sends the client elsewhere. Never calls next; the request's body is not read.
class RedirectFilter final : public ExchangeFilter {
 public:
  explicit RedirectFilter(RedirectTarget target) : target_(std::move(target)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  RedirectTarget target_;
};

}  // namespace sluice
