#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/net/socket_address.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task.h"

namespace sluice {

// Turns a host and port into socket addresses. IP addresses and Unix paths are answered at once; a DNS name
// is looked up on a thread of Asio's and kept for kTimeToLive, because getaddrinfo does not tell the record's
// own. Threads: its loop's only.
class Resolver {
 public:
  static constexpr Duration kTimeToLive = std::chrono::seconds(30);
  static constexpr std::size_t kMaxEntries = 4096;

  explicit Resolver(Loop& loop);
  ~Resolver();

  // Never empty. Errors: kConnectFailed (unknown name), kConnectTimeout.
  Task<Result<std::vector<SocketAddress>>> resolve(const Address& address, TimePoint deadline);

 private:
  Task<Result<std::vector<SocketAddress>>> look_up(Address address, TimePoint deadline);

  struct Lookup;
  struct Entry {
    std::vector<SocketAddress> addresses;
    TimePoint expires;
  };

  Loop& loop_;
  std::unordered_map<Address, Entry> cache_;
};

}  // namespace sluice
