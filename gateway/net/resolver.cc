#include "gateway/net/resolver.h"

#include <cstring>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "gateway/runtime/signal.h"

namespace asio = boost::asio;

namespace sluice {

// Shared by the waiting task and the lookup's callback: either may go first.
struct Resolver::Lookup {
  explicit Lookup(Loop& loop) : done(loop), resolver(loop.io()) {}
  Signal done;
  asio::ip::tcp::resolver resolver;
  bool finished = false;
  std::vector<SocketAddress> addresses;
};

Resolver::Resolver(Loop& loop) : loop_(loop) {}
Resolver::~Resolver() = default;

Task<Result<std::vector<SocketAddress>>> Resolver::resolve(const Address& address, TimePoint deadline) {
  using Addresses = std::vector<SocketAddress>;
  if (auto numeric = numeric_socket_address(address)) return Result<Addresses>(Addresses{*numeric});
  const auto cached = cache_.find(address);
  if (cached != cache_.end() && cached->second.expires > loop_.now())
    return Result<Addresses>(cached->second.addresses);
  return look_up(address, deadline);
}

Task<Result<std::vector<SocketAddress>>> Resolver::look_up(Address address, TimePoint deadline) {
  auto lookup = std::make_shared<Lookup>(loop_);
  lookup->resolver.async_resolve(
      address.host, std::to_string(address.port), asio::ip::tcp::resolver::numeric_service,
      [lookup](const boost::system::error_code& ec, const asio::ip::tcp::resolver::results_type& results) {
        lookup->finished = true;
        if (!ec) {
          for (const auto& entry : results) {
            SocketAddress a;
            a.length = static_cast<socklen_t>(entry.endpoint().size());
            std::memcpy(&a.storage, entry.endpoint().data(), a.length);
            lookup->addresses.push_back(a);
          }
        }
        lookup->done.notify_all();
      });
  while (!lookup->finished) {
    if (!co_await lookup->done.wait(deadline)) {
      co_return fail(ErrorKind::kConnectTimeout, "resolving " + address.to_string() + " took too long",
                     Retriable::kAlways);
    }
  }
  if (lookup->addresses.empty()) {
    co_return fail(ErrorKind::kConnectFailed, "cannot resolve " + address.to_string(), Retriable::kAlways);
  }
  if (cache_.size() >= kMaxEntries) cache_.clear();
  cache_[address] = {lookup->addresses, loop_.now() + kTimeToLive};
  co_return lookup->addresses;
}

}  // namespace sluice
