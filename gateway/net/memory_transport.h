#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/net/tls_state.h"
#include "gateway/net/transport.h"

namespace sluice {

// Two ends of a connection inside the process, with a bounded buffer each way: the network of the tests,
// where every byte boundary, stall and departure is chosen by the test. Closing an end hangs up the other in
// the same loop turn.
class MemoryTransport final : public Transport {
 public:
  // Both ends on one loop; `capacity` bytes fit in each direction before a write would block.
  static std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>> pair(
      Loop& loop, std::size_t capacity = 64 * 1024);
  ~MemoryTransport() override;

  IoResult try_read(std::span<char> into) noexcept override;
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  bool may_have_more() const noexcept override { return !incoming().bytes.empty(); }
  const std::string& peer() const noexcept override { return peer_name_; }
  const TlsState* tls() const noexcept override { return tls_ ? &*tls_ : nullptr; }

  // At most this many bytes are handed to one try_read: cuts a message at every boundary a test wants.
  void limit_reads(std::size_t bytes) noexcept { read_limit_ = bytes; }
  // This end looks as if a handshake of TLS had agreed on that protocol; its bytes stay plain.
  void pretend_tls(std::string alpn) { tls_.emplace().alpn = std::move(alpn); }
  bool peer_closed() const noexcept;
  // Writes that moved bytes: what a system call each would have been.
  std::size_t writes() const noexcept { return writes_; }

 private:
  struct Pipe {
    std::string bytes;
    bool closed = false;
    bool reset = false;
  };
  struct Wire;

  MemoryTransport(Loop& loop, std::shared_ptr<Wire> wire, int end);
  void arm(Direction direction) override;
  void wake(Direction direction);
  Pipe& incoming() const noexcept;
  Pipe& outgoing() const noexcept;
  MemoryTransport* other() const noexcept;

  std::shared_ptr<Wire> wire_;
  int end_;
  bool closed_ = false;
  bool wanted_[2] = {false, false};
  std::size_t read_limit_ = SIZE_MAX;
  std::size_t writes_ = 0;
  std::string peer_name_ = "memory";
  std::optional<TlsState> tls_;
};

}  // namespace sluice
