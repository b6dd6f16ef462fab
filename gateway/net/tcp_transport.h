#pragma once

#include <string>

#include "gateway/net/hangup_watch.h"
#include "gateway/net/socket_readiness.h"
#include "gateway/net/transport.h"

namespace sluice {

// A connected TCP or Unix stream socket. Takes over a non-blocking descriptor.
class TcpTransport final : public Transport, private HangupWatch::Owner, private SocketReadiness::Owner {
 public:
  // Without a `watch` nobody hears of hang-ups, and a read that left nothing is followed by one in vain.
  TcpTransport(Loop& loop, HangupWatch* watch, int fd, std::string peer);
  ~TcpTransport() override;

  IoResult try_read(std::span<char> into) noexcept override;
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  const std::string& peer() const noexcept override { return peer_; }

  // The error the kernel keeps for a connect that ended, 0 for success.
  int connect_error() const noexcept;

 private:
  void arm(Direction direction) override { readiness_.wait(direction); }
  void on_socket_ready(Direction direction) override { ready(direction); }
  void on_peer_gone() override;

  SocketReadiness readiness_;
  HangupWatch* watch_;
  HangupWatch::Id watch_id_ = 0;
  int fd_;
  std::string peer_;
};

}  // namespace sluice
