#include "backends/worker/port_reservation.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "gateway/net/socket_address.h"

namespace sluice::worker {

Result<PortReservation> PortReservation::take(const Address& address) {
  const auto failed = [&](const char* what) {
    return fail(ErrorKind::kConfig,
                "cannot listen on " + address.to_string() + ": " + what + ": " + std::strerror(errno));
  };
  if (address.kind == Address::Kind::kUnix) return PortReservation(-1, address);
  const auto target = numeric_socket_address(address);
  if (!target) {
    return fail(ErrorKind::kConfig,
                "cannot listen on " + address.to_string() + ": --host takes an IP address");
  }
  const int fd = ::socket(target->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket");
  PortReservation reservation(fd, address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, target->get(), target->length) != 0) return failed("bind");
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (::getsockname(fd, bound.get(), &bound.length) == 0) reservation.address_ = to_address(bound);
  return reservation;
}

PortReservation::PortReservation(PortReservation&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)) {}

PortReservation::~PortReservation() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace sluice::worker
