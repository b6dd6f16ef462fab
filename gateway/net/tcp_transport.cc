#include "gateway/net/tcp_transport.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "gateway/runtime/system_calls.h"

namespace sluice {
namespace {

IoResult failed() noexcept {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoResult::Status::kWouldBlock};
  return {IoResult::Status::kBroken};
}

}  // namespace

TcpTransport::TcpTransport(Loop& loop, int fd, std::string peer, sa_family_t family)
    : Transport(loop),
      fd_(fd),
      short_read_drains_(family != AF_UNIX),
      peer_(std::move(peer)),
      already_readable_(&tell<Direction::kRead>, this),
      already_writable_(&tell<Direction::kWrite>, this) {
  if (loop.poller().add(fd, *this)) return;
  // Nobody will tell of anything: let its users see an end instead of trying for ever.
  ::shutdown(fd, SHUT_RDWR);
  can_read_ = can_write_ = true;
  short_read_drains_ = false;
}

TcpTransport::~TcpTransport() {
  close_descriptor();
}

void TcpTransport::arm(Direction direction) {
  if (direction == Direction::kRead) {
    if (can_read_) loop().at_turn_end(already_readable_);
  } else if (can_write_) {
    loop().at_turn_end(already_writable_);
  }
}

// Nothing after the call: whoever is told may destroy this.
template <Direction kDirection>
void TcpTransport::tell(void* self) {
  auto& transport = *static_cast<TcpTransport*>(self);
  const Loop::Event event(transport.loop());
  if (transport.armed(kDirection)) transport.ready(kDirection);
}

void TcpTransport::on_events(std::uint32_t events) {
  const Loop::Event event(loop());
  const Poller& poller = loop().poller();
  const bool failed = (events & (EPOLLHUP | EPOLLERR)) != 0;
  const bool gone = failed || (events & EPOLLRDHUP) != 0;
  if (gone || (events & EPOLLPRI) != 0) short_read_drains_ = false;
  if (gone || (events & (EPOLLIN | EPOLLPRI)) != 0) can_read_ = true;
  if (failed || (events & EPOLLOUT) != 0) can_write_ = true;
  // Each of them may destroy this.
  if (gone && !hung_up()) {
    peer_hung_up();
    if (!poller.telling(*this)) return;
  }
  if (can_read_) {
    ready(Direction::kRead);
    if (!poller.telling(*this)) return;
  }
  if (can_write_) ready(Direction::kWrite);
}

IoResult TcpTransport::try_read(std::span<char> into) noexcept {
  ssize_t n = 0;
  do {
    n = receive(fd_, into.data(), into.size());
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    if (static_cast<std::size_t>(n) < into.size() && short_read_drains_) can_read_ = false;
    return {IoResult::Status::kOk, static_cast<std::size_t>(n)};
  }
  if (n == 0) return {IoResult::Status::kEnd};
  const IoResult result = failed();
  if (result.status == IoResult::Status::kWouldBlock) can_read_ = false;
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
    n = send(fd_, message);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    const IoResult result = failed();
    if (result.status == IoResult::Status::kWouldBlock) can_write_ = false;
    return result;
  }
  const auto written = static_cast<std::size_t>(n);
  if (written < size) can_write_ = false;
  return {IoResult::Status::kOk, written};
}

void TcpTransport::shutdown_write() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

void TcpTransport::close_descriptor() noexcept {
  if (fd_ < 0) return;
  loop().poller().remove(fd_, *this);
  ::close(std::exchange(fd_, -1));
}

void TcpTransport::close() noexcept {
  if (fd_ < 0) return;
  close_descriptor();
  // Ends the pending waits: whoever waits tries again and hears that the connection is broken.
  can_read_ = can_write_ = true;
  loop().at_turn_end(already_readable_);
  loop().at_turn_end(already_writable_);
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
    can_write_ = false;
    return std::nullopt;
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace sluice
