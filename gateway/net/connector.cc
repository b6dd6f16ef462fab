#include "gateway/net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "gateway/net/tcp_transport.h"

namespace sluice {
namespace {

std::unexpected<Error> connect_failed(const SocketAddress& target, int error) {
  return fail(ErrorKind::kConnectFailed, "connect to " + to_string(target) + ": " + std::strerror(error),
              Retriable::kAlways);
}

}  // namespace

Task<Result<std::unique_ptr<Transport>>> SocketConnector::connect(const Address& address,
                                                                  TimePoint deadline) {
  Result<std::vector<SocketAddress>> targets = co_await resolver_.resolve(address, deadline);
  if (!targets) co_return fail(std::move(targets.error()));
  Result<std::unique_ptr<Transport>> last = fail(ErrorKind::kConnectFailed, "no address");
  for (const SocketAddress& target : *targets) {
    last = co_await connect_one(target, deadline);
    if (last || last.error().kind == ErrorKind::kConnectTimeout) break;
  }
  co_return last;
}

Task<Result<std::unique_ptr<Transport>>> SocketConnector::connect_one(SocketAddress target,
                                                                      TimePoint deadline) {
  const int fd = ::socket(target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return connect_failed(target, errno);
  if (target.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const int outcome = ::connect(fd, target.get(), target.length);
  const int error = errno;
  auto transport = std::make_unique<TcpTransport>(loop_, watch_, fd, to_string(target), target.family());
  if (outcome != 0) {
    if (error != EINPROGRESS) co_return connect_failed(target, error);
    std::optional<int> ended;
    while (!ended) {
      const bool in_time = co_await transport->writable(deadline);
      if (!in_time) {
        co_return fail(ErrorKind::kConnectTimeout, "connect to " + to_string(target) + " took too long",
                       Retriable::kAlways);
      }
      ended = transport->connect_outcome();
    }
    if (*ended != 0) co_return connect_failed(target, *ended);
  }
  co_return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace sluice
