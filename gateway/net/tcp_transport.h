#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "gateway/net/transport.h"
#include "gateway/runtime/poller.h"

namespace sluice {

// A connected TCP or Unix stream socket. Takes over a non-blocking descriptor.
// What the poller told stays noted until a move finds that it is so no longer: an edge comes once.
class TcpTransport final : public Transport, private Poller::Watcher {
 public:
  TcpTransport(Loop& loop, int fd, std::string peer, sa_family_t family = AF_INET);
  ~TcpTransport() override;

  IoResult try_read(std::span<char> into) noexcept override;
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  bool may_have_more() const noexcept override { return can_read_; }
  const std::string& peer() const noexcept override { return peer_; }

  // Of a connect that is under way: 0 for success, the kernel's error, or nothing as long as it goes on.
  std::optional<int> connect_outcome() noexcept;

 private:
  void arm(Direction direction) override;
  void on_events(std::uint32_t events) override;
  template <Direction kDirection>
  static void tell(void* self);
  void close_descriptor() noexcept;

  int fd_;
  bool can_read_ = false;
  bool can_write_ = false;
  // A read that does not fill its buffer has taken all there was (epoll(7)). Not in front of an end or of
  // urgent data (tcp(7)), and not on a Unix socket, where it also ends at descriptors that were passed
  // (unix(7), SCM_RIGHTS).
  bool short_read_drains_;
  std::string peer_;
  // For whoever asks when nothing has to happen first.
  TurnEnd already_readable_;
  TurnEnd already_writable_;
};

}  // namespace sluice
