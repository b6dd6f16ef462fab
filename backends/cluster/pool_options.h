#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway/base/metrics.h"
#include "gateway/http/http1/head_parser.h"
#include "gateway/http/http2/client_limits.h"
#include "gateway/net/tls_state.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// What a cluster's endpoints speak.
enum class UpstreamProtocol : std::uint8_t {
  kHttp1,
  kH2c,   // HTTP/2 in plaintext, known beforehand (RFC 9113 3.3)
  kH2,    // HTTP/2 over TLS, agreed on in the handshake
  kAuto,  // HTTP/2 or HTTP/1.1 over TLS, as each connection's handshake says
};

// The connection's handshake agreed on HTTP/2.
inline bool agreed_on_h2(const Transport& transport) noexcept {
  return transport.tls() != nullptr && transport.tls()->alpn == "h2";
}

// Settings of a cluster's pool; the configuration names and describes them.
struct PoolOptions {
  std::size_t max_connections = 256;
  std::size_t max_waiting = 512;
  std::size_t max_idle = 64;
  // Below the server's own (vLLM closes after 5 s), so that a connection is rarely closed as a request
  // leaves.
  Duration idle_timeout = std::chrono::seconds(4);
  // Idle connections kept open ahead of need.
  std::size_t prewarm = 0;
  // A connection serves no request that begins later, less up to a tenth by the loop's dice, so that
  // connections opened together do not end together. 0: no limit.
  Duration max_lifetime = Duration::zero();
  http1::HeadLimits head = {};     // of answers, in any protocol
  http2::ClientLimits http2 = {};  // its `head` is not looked at
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
};

struct PoolMetrics {
  Gauge& open;
  Gauge& idle;
  Gauge& waiting;
  Counter& connects;
  Counter& connect_failures;
  Counter& overflows;
  Counter& prewarms;  // connections opened ahead of need
  Counter& retired;   // connections closed because of max_lifetime
  http2::ClientCounts http2;
};

// Told when a connection is about to be opened for a request.
class PoolObserver {
 public:
  virtual void on_connecting() noexcept = 0;

 protected:
  ~PoolObserver() = default;
};

}  // namespace sluice
