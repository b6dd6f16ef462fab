#include "gateway/net/tcp_transport.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace asio = boost::asio;

namespace sluice {
namespace {

IoResult failed() noexcept {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Status::kWouldBlock};
  return {IoResult::Status::kBroken};
}

}  // namespace

struct TcpTransport::Reactor {
  Reactor(asio::io_context& io, int fd, TcpTransport& t) : descriptor(io, fd), transport(&t) {
    // The descriptor is non-blocking already; telling Asio spares it the check before each wait.
    descriptor.native_non_blocking(true);
  }
  asio::posix::stream_descriptor descriptor;
  TcpTransport* transport;  // null once the transport is destroyed
};

TcpTransport::TcpTransport(Loop& loop, HangupWatch* watch, int fd, std::string peer)
    : Transport(loop),
      reactor_(std::make_shared<Reactor>(loop.io(), fd, *this)),
      watch_(watch),
      fd_(fd),
      peer_(std::move(peer)) {
  if (watch_ != nullptr) watch_id_ = watch_->add(fd, *this);
}

TcpTransport::~TcpTransport() {
  close();
  reactor_->transport = nullptr;
}

IoResult TcpTransport::try_read(std::span<char> into) noexcept {
  ssize_t n = 0;
  do {
    n = ::recv(fd_, into.data(), into.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return {IoResult::Status::kOk, static_cast<std::size_t>(n)};
  if (n == 0) return {IoResult::Status::kEnd};
  return failed();
}

IoResult TcpTransport::try_write(std::span<const std::string_view> pieces) noexcept {
  iovec vectors[kMaxPieces];
  const std::size_t count = std::min(pieces.size(), kMaxPieces);
  for (std::size_t i = 0; i < count; ++i) {
    vectors[i] = {const_cast<char*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  ssize_t n = 0;
  do {
    n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {IoResult::Status::kOk, static_cast<std::size_t>(n)};
  return failed();
}

void TcpTransport::arm(Direction direction) {
  const auto what = direction == Direction::kRead ? asio::posix::descriptor_base::wait_read
                                                  : asio::posix::descriptor_base::wait_write;
  if (fd_ < 0) {
    // Closed: the next try says so, and the waiter must not hang.
    loop().post([r = reactor_, direction] {
      if (r->transport != nullptr) r->transport->ready(direction);
    });
    return;
  }
  reactor_->descriptor.async_wait(what, [r = reactor_, direction](const boost::system::error_code&) {
    if (r->transport != nullptr) r->transport->ready(direction);
  });
}

void TcpTransport::shutdown_write() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

void TcpTransport::close() noexcept {
  if (fd_ < 0) return;
  if (watch_ != nullptr) watch_->remove(fd_, watch_id_);
  fd_ = -1;
  // Ends the pending waits: whoever waits tries again and hears that the connection is broken.
  boost::system::error_code ignored;
  reactor_->descriptor.close(ignored);
}

void TcpTransport::reset() noexcept {
  if (fd_ < 0) return;
  const linger discard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &discard, sizeof discard);
  close();
}

int TcpTransport::connect_error() const noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace sluice
