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

using Connected = Result<std::unique_ptr<Transport>>;

std::unexpected<Error> connect_failed(const std::string& target, int error) {
  return fail(ErrorKind::kConnectFailed, "connect to " + target + ": " + std::strerror(error),
              Retriable::kAlways);
}

std::unexpected<Error> connect_timed_out(const std::string& target) {
  return fail(ErrorKind::kConnectTimeout, "connect to " + target + " took too long", Retriable::kAlways);
}

Task<Connected> wait_until_connected(std::unique_ptr<TcpTransport> transport, TimePoint deadline) {
  std::optional<int> ended;
  while (!ended) {
    const bool in_time = co_await transport->writable(deadline);
    if (!in_time) co_return connect_timed_out(transport->peer());
    ended = transport->connect_outcome();
  }
  if (*ended != 0) co_return connect_failed(transport->peer(), *ended);
  co_return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace

Task<Result<std::unique_ptr<Transport>>> SocketConnector::connect(const Address& address,
                                                                  TimePoint deadline) {
  Task<Result<std::vector<SocketAddress>>> resolving = resolver_.resolve(address, deadline);
  if (!resolving.await_ready()) return connect_to_any(std::move(resolving), deadline);
  Result<std::vector<SocketAddress>> targets = resolving.await_resume();
  if (targets && targets->size() == 1) return connect_one(targets->front(), deadline);
  return connect_to_any(std::move(targets), deadline);
}

Task<Result<std::unique_ptr<Transport>>> SocketConnector::connect_to_any(
    Task<Result<std::vector<SocketAddress>>> resolving, TimePoint deadline) {
  Result<std::vector<SocketAddress>> targets = co_await resolving;
  if (!targets) co_return fail(std::move(targets.error()));
  Result<std::unique_ptr<Transport>> last = fail(ErrorKind::kConnectFailed, "no address");
  for (const SocketAddress& target : *targets) {
    last = co_await connect_one(target, deadline);
    if (last || last.error().kind == ErrorKind::kConnectTimeout) break;
  }
  co_return last;
}

Task<Result<std::unique_ptr<Transport>>> SocketConnector::connect_one(const SocketAddress& target,
                                                                      TimePoint deadline) {
  const int fd = ::socket(target.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Connected(connect_failed(to_string(target), errno));
  if (target.family() != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const int outcome = ::connect(fd, target.get(), target.length);
  const int error = errno;
  auto transport = std::make_unique<TcpTransport>(loop_, fd, to_string(target), target.family());
  if (outcome == 0) return Connected(std::move(transport));
  if (error != EINPROGRESS) return Connected(connect_failed(transport->peer(), error));
  return wait_until_connected(std::move(transport), deadline);
}

}  // namespace sluice
