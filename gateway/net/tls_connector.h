#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/net/connector.h"
#include "gateway/net/tls_client_context.h"
#include "gateway/net/tls_failure.h"
#include "gateway/net/tls_session_cache.h"

namespace sluice {

// Told how the handshakes with backends ended.
class TlsObserver {
 public:
  virtual void on_handshake(const TlsState& state) noexcept = 0;
  virtual void on_failure(TlsFailure failure) noexcept = 0;

 protected:
  ~TlsObserver() = default;
};

// Opens connections with another connector and speaks TLS on them, within the one deadline. A server that
// does not prove who it is counts as one that could not be connected to: another endpoint may be tried, and
// the error says what is wrong with its certificate. Threads: its loop's only. Its connections may outlive
// it.
class TlsConnector final : public Connector {
 public:
  // `server_name`: whom every server must prove to be; by default the host of its address. The connector
  // and the observer outlive it.
  TlsConnector(Connector& connector, std::shared_ptr<const TlsClientContext> context,
               std::optional<std::string> server_name, TlsObserver& observer);

  Task<Result<std::unique_ptr<Transport>>> connect(const Address& address, TimePoint deadline) override;

 private:
  Connector& connector_;
  std::shared_ptr<const TlsClientContext> context_;  // shared with the other shards'
  std::optional<std::string> server_name_;
  TlsObserver& observer_;
  std::shared_ptr<TlsSessionCache> sessions_ = std::make_shared<TlsSessionCache>();  // with the connections
};

}  // namespace sluice
