#pragma once

#include <memory>
#include <string>

#include "gateway/net/hangup_watch.h"
#include "gateway/net/transport.h"

namespace sluice {

// A connected TCP or Unix stream socket. Takes over a non-blocking descriptor.
class TcpTransport final : public Transport, private HangupWatch::Owner {
 public:
  // `watch` is null where nobody asks for hang-ups (upstream connections hear of them by reading).
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
  struct Reactor;

  void arm(Direction direction) override;
  void on_peer_gone() override { peer_hung_up(); }

  // Shared with the reactor's callbacks, which outlive the transport by a loop turn.
  std::shared_ptr<Reactor> reactor_;
  HangupWatch* watch_;
  HangupWatch::Id watch_id_ = 0;
  int fd_;
  std::string peer_;
};

}  // namespace sluice
