#include "gateway/net/tcp_transport.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sluice {
namespace {

IoResult failed() noexcept {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Status::kWouldBlock};
  return {IoResult::Status::kBroken};
}

}  // namespace

TcpTransport::TcpTransport(Loop& loop, HangupWatch* watch, int fd, std::string peer, sa_family_t family)
    : Transport(loop), readiness_(loop, fd, *this), watch_(watch), fd_(fd), peer_(std::move(peer)) {
  if (watch_ != nullptr) watch_id_ = watch_->add(fd, *this);
  short_read_drains_ = watch_id_ != 0 && family != AF_UNIX;
}

TcpTransport::~TcpTransport() {
  close();
}

void TcpTransport::on_peer_gone() {
  // The end may have come with the bytes that a read has taken already.
  short_read_drains_ = false;
  readiness_.refilled();
  peer_hung_up();
}

void TcpTransport::on_urgent_data() {
  // A read ends in front of it (tcp(7)).
  short_read_drains_ = false;
  readiness_.refilled();
}

IoResult TcpTransport::try_read(std::span<char> into) noexcept {
  ssize_t n = 0;
  do {
    n = ::recv(fd_, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    if (static_cast<std::size_t>(n) < into.size() && short_read_drains_) readiness_.drained();
    return {IoResult::Status::kOk, static_cast<std::size_t>(n)};
  }
  if (n == 0) return {IoResult::Status::kEnd};
  const IoResult result = failed();
  if (result.status == IoResult::Status::kWouldBlock) readiness_.drained();
  return result;
}

IoResult TcpTransport::try_write(std::span<const std::string_view> pieces) noexcept {
  iovec vectors[kMaxPieces];
  const std::size_t count = std::min(pieces.size(), kMaxPieces);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
    size += pieces[i].size();
  }
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  ssize_t n = 0;
  do {
    n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    const IoResult result = failed();
    if (result.status == IoResult::Status::kWouldBlock) readiness_.filled();
    return result;
  }
  const auto written = static_cast<std::size_t>(n);
  if (written < size) readiness_.filled();
  return {IoResult::Status::kOk, written};
}

void TcpTransport::shutdown_write() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

void TcpTransport::close() noexcept {
  if (fd_ < 0) return;
  if (watch_ != nullptr) watch_->remove(fd_, watch_id_);
  fd_ = -1;
  // Ends the pending waits: whoever waits tries again and hears that the connection is broken.
  readiness_.close();
}

void TcpTransport::reset() noexcept {
  if (fd_ < 0) return;
  const linger discard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
  close();
}

std::optional<int> TcpTransport::connect_outcome() noexcept {
  // Until it has ended there is no error either.
  pollfd wanted{fd_, POLLOUT, 0};
  if (::poll(&wanted, 1, 0) == 0) {
    readiness_.filled();
    return std::nullopt;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace sluice
