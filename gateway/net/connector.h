#pragma once

#include <memory>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/net/resolver.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/task.h"

namespace sluice {

// Opens connections to backends. Tests put a network of their own in its place.
class Connector {
 public:
  virtual ~Connector() = default;
  // Errors: kConnectFailed, kConnectTimeout; both may be retried, nothing was sent.
  virtual Task<Result<std::unique_ptr<Transport>>> connect(const Address& address, TimePoint deadline) = 0;
};

// TCP (with TCP_NODELAY) and Unix sockets. The addresses of a name are tried in turn. Threads: its loop's
// only.
class SocketConnector final : public Connector {
 public:
  explicit SocketConnector(Loop& loop) : loop_(loop), resolver_(loop) {}

  Task<Result<std::unique_ptr<Transport>>> connect(const Address& address, TimePoint deadline) override;

 private:
  Task<Result<std::unique_ptr<Transport>>> connect_to_any(Task<Result<std::vector<SocketAddress>>> resolving,
                                                          TimePoint deadline);
  Task<Result<std::unique_ptr<Transport>>> connect_one(const SocketAddress& target, TimePoint deadline);

  Loop& loop_;
  Resolver resolver_;
};

}  // namespace sluice
