#include "gateway/net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "gateway/net/socket_address.h"
#include "gateway/net/tcp_transport.h"

namespace asio = boost::asio;

namespace sluice {
namespace {

std::unexpected<Error> cannot_listen(const Address& address, const char* what) {
  return fail(ErrorKind::kConfig,
              "cannot listen on " + address.to_string() + ": " + what + ": " + std::strerror(errno));
}

// What the kernel keeps of a connection's bytes that its peer's window has no room for (tcp(7)). It would
// take megabytes, for each client that reads slowly: this is as much as two large blocks, and the rest stays
// with the backend.
constexpr int kMaxUnsentBytes = 128 * 1024;

void set(int fd, int level, int option, int value = 1) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

// Inherited by the connections that are accepted.
void set_for_connections(int fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY);
  set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kMaxUnsentBytes);
}

// A socket file that nobody accepts from is left over from a crash and may go; a live one may not.
void remove_stale_socket(const SocketAddress& address, const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  // Non-blocking: a live listener whose backlog is full must not hold up the start.
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  if (::connect(probe, address.get(), address.length) != 0 && errno == ECONNREFUSED) ::unlink(path.c_str());
  ::close(probe);
}

}  // namespace

Result<ListenSocket> ListenSocket::bind(const Address& address, const ListenOptions& options) {
  const auto target = numeric_socket_address(address);
  if (!target) {
    return fail(ErrorKind::kConfig,
                "cannot listen on " + address.to_string() + ": a listener needs an IP address or unix:PATH");
  }
  const bool is_unix = target->family() == AF_UNIX;
  const int fd = ::socket(target->family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return cannot_listen(address, "socket");
  ListenSocket socket(fd, address, false);
  if (is_unix) {
    remove_stale_socket(*target, address.path);
  } else {
    set(fd, SOL_SOCKET, SO_REUSEADDR);
    if (options.reuse_port) set(fd, SOL_SOCKET, SO_REUSEPORT);
    set_for_connections(fd);
    if (target->family() == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  }
  if (::bind(fd, target->get(), target->length) != 0) return cannot_listen(address, "bind");
  socket.owns_path_ = is_unix;
  if (::listen(fd, options.backlog) != 0) return cannot_listen(address, "listen");
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (!is_unix && ::getsockname(fd, bound.get(), &bound.length) == 0) socket.address_ = to_address(bound);
  return socket;
}

Result<ListenSocket> ListenSocket::adopt(int fd) {
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  int listens = 0;
  socklen_t size = sizeof listens;
  const bool known = ::getsockname(fd, bound.get(), &bound.length) == 0 &&
                     ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0;
  if (!known || listens == 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
    ::close(fd);
    return fail(ErrorKind::kConfig, "descriptor " + std::to_string(fd) +
                                        " was passed to this process and is no listening socket");
  }
  if (bound.family() != AF_UNIX) set_for_connections(fd);
  return ListenSocket(fd, to_address(bound), false);
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      address_(std::move(other.address_)),
      owns_path_(std::exchange(other.owns_path_, false)) {}

ListenSocket::~ListenSocket() {
  if (fd_ >= 0) ::close(fd_);
  if (owns_path_) ::unlink(address_.path.c_str());
}

Result<ListenSocket> ListenSocket::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return cannot_listen(address_, "dup");
  return ListenSocket(copy, address_, false);
}

int ListenSocket::release() noexcept {
  return std::exchange(fd_, -1);
}

struct Listener::Reactor {
  Reactor(asio::io_context& io, int fd, Listener& l) : descriptor(io, fd), listener(&l) {
    descriptor.native_non_blocking(true);
  }
  asio::posix::stream_descriptor descriptor;
  Listener* listener;
};

Listener::Listener(Loop& loop, ListenSocket socket, OnAccept on_accept)
    : loop_(loop),
      socket_(std::move(socket)),
      address_(socket_.address()),
      on_accept_(std::move(on_accept)),
      pause_(&resume, this) {
  reactor_ = std::make_shared<Reactor>(loop_.io(), socket_.release(), *this);
  wait();
}

Listener::~Listener() {
  reactor_->listener = nullptr;
  // The pending wait holds the reactor: without this the socket would go on taking connections that nobody
  // accepts.
  boost::system::error_code ignored;
  reactor_->descriptor.close(ignored);
}

void Listener::set_backlog(int backlog) noexcept {
  // A second listen() on a listening socket changes its backlog and nothing else (listen(2), Linux).
  (void)::listen(reactor_->descriptor.native_handle(), backlog);
}

int Listener::descriptor() const noexcept {
  return reactor_->descriptor.native_handle();
}

void Listener::wait() {
  reactor_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                  [r = reactor_](const boost::system::error_code& ec) {
                                    if (!ec && r->listener != nullptr) r->listener->accept_batch();
                                  });
}

void Listener::accept_batch() {
  // Bounded, so that a burst of connections does not starve the streams of this loop.
  constexpr int kBatch = 32;
  for (int i = 0; i < kBatch; ++i) {
    SocketAddress peer;
    peer.length = sizeof peer.storage;
    const int fd = ::accept4(reactor_->descriptor.native_handle(), peer.get(), &peer.length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(std::make_unique<TcpTransport>(loop_, fd, to_string(peer), peer.family()));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog; look again when some have closed.
    ++accept_failures_;
    loop_.arm(pause_, loop_.now() + std::chrono::milliseconds(100));
    return;
  }
  wait();
}

void Listener::resume(void* self) {
  static_cast<Listener*>(self)->accept_batch();
}

}  // namespace sluice
