#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "gateway/net/tls_failure.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/task.h"

namespace sluice {

class TlsServerContext;
class TlsTransport;

// Told of each handshake with a client that failed, by all loops. Must neither wait nor throw.
class TlsRefusalObserver {
 public:
  virtual ~TlsRefusalObserver() = default;
  // `client`: its address.
  virtual void on_refused(const TlsRefusal& refused, const std::string& client) noexcept = 0;
};

struct TlsAcceptOptions {
  std::shared_ptr<const TlsServerContext> context;        // shared with the listener's other connections
  Duration handshake_timeout = std::chrono::seconds(10);  // from the connection's first byte
  Duration idle_timeout = std::chrono::seconds(75);       // until that byte
  std::shared_ptr<TlsRefusalObserver> refusals = {};      // shared with the listener's other loops; or null
};

// How a listener's handshakes ended.
struct TlsCounts {
  enum Version : std::uint8_t { kTls12, kTls13 };

  std::array<std::array<std::uint64_t, 2>, 2> completed{};  // by version, and whether a session was resumed
  std::array<std::uint64_t, kTlsFailureCount> failed{};     // by TlsFailure

  TlsCounts& operator+=(const TlsCounts& other) noexcept;
};

// The step between a connection and its codec where the listener speaks TLS. Threads: the transport's loop.
class TlsAccept final : public ListNode<TlsAccept> {
 public:
  // Options and counts outlive it.
  TlsAccept(std::unique_ptr<Transport> transport, const TlsAcceptOptions& options, TlsCounts& counts);
  ~TlsAccept();

  // The encrypted transport, whose tls() tells the protocol agreed on; null where there was no agreement: the
  // connection is then closed, and counted if it had begun to speak. Whoever speaks plain HTTP is told so in
  // plain HTTP. Call once.
  Task<std::unique_ptr<Transport>> run();

  // Ends it at once, as if the client had left.
  void cut() noexcept;

 private:
  Transport& transport() noexcept;
  void refuse(const TlsRefusal& refused) noexcept;

  std::unique_ptr<Transport> plain_;  // until its first byte
  std::unique_ptr<TlsTransport> secure_;
  const TlsAcceptOptions& options_;
  TlsCounts& counts_;
};

}  // namespace sluice
