#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>

#include "gateway/net/hangup_watch.h"
#include "gateway/net/socket_readiness.h"
#include "gateway/net/transport.h"

namespace sluice {

// A connected TCP or Unix stream socket. Takes over a non-blocking descriptor.
class TcpTransport final : public Transport, private HangupWatch::Owner, private SocketReadiness::Owner {
 public:
  // Without a `watch` nobody hears of hang-ups, and a read that left nothing is followed by one in vain. So
  // it is for a Unix socket, where a read also ends at descriptors that were passed (unix(7), SCM_RIGHTS).
  TcpTransport(Loop& loop, HangupWatch* watch, int fd, std::string peer, sa_family_t family = AF_INET);
  ~TcpTransport() override;

  IoResult try_read(std::span<char> into) noexcept override;
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  bool may_have_more() const noexcept override { return readiness_.may_have_input(); }
  const std::string& peer() const noexcept override { return peer_; }

  // Of a connect that is under way: 0 for success, the kernel's error, or nothing as long as it goes on.
  std::optional<int> connect_outcome() noexcept;

 private:
  void arm(Direction direction) override { readiness_.wait(direction); }
  void on_socket_ready(Direction direction) override { ready(direction); }
  void on_peer_gone() override;
  void on_urgent_data() override;

  SocketReadiness readiness_;
  HangupWatch* watch_;
  HangupWatch::Id watch_id_ = 0;
  int fd_;
  // A read that does not fill its buffer has taken all there was (epoll(7)).
  bool short_read_drains_;
  std::string peer_;
};

}  // namespace sluice
