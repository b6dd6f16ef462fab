#pragma once

#include <memory>
#include <optional>

#include "backends/cluster/upstream_cluster.h"
#include "backends/forwarder/upload.h"
#include "gateway/proxy/call.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// The last call filter: picks an endpoint of the call's cluster, leases a connection, sends the request and
// relays the answer as it arrives, one read and one write per piece. The request's body goes up while the
// answer comes down where it has to; a backend that answers early stops the upload.
//
// Errors say by their `retriable` whether the call can be made again: no byte of an answer was received, and
// no part of a body that only the client has was taken. A connect failure is remembered
// for the whole process. Destroying the task closes the upstream connection in the same loop turn.
class Forwarder final : public CallFilter {
 public:
  explicit Forwarder(Loop& loop) noexcept : loop_(loop) {}

  Task<Result<void>> handle(Call& call, ResponseWriter& out, CallNext next) override;

 private:
  Task<Result<void>> relay(Call& call, ClientStream& upstream, ResponseWriter& out, TimePoint first_content);
  Task<Result<void>> relay_body(Call& call, ClientStream& upstream, ResponseWriter& out,
                                PooledPtr<Upload> upload, std::optional<BodyPiece> next, TimePoint deadline);

  Loop& loop_;
};

}  // namespace sluice
