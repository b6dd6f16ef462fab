#include "gateway/net/tls_connector.h"

#include <utility>

#include "gateway/net/tls_transport.h"

namespace sluice {

TlsConnector::TlsConnector(Connector& connector, std::shared_ptr<const TlsClientContext> context,
                           std::optional<std::string> server_name, TlsObserver& observer)
    : connector_(connector),
      context_(std::move(context)),
      server_name_(std::move(server_name)),
      observer_(observer) {}

Task<Result<std::unique_ptr<Transport>>> TlsConnector::connect(const Address& address, TimePoint deadline) {
  Result<std::unique_ptr<Transport>> plain = co_await connector_.connect(address, deadline);
  if (!plain) co_return plain;
  std::unique_ptr<TlsTransport> secure = TlsTransport::client(
      std::move(*plain), context_, server_name_.value_or(address.host), sessions_, address.to_string());
  const std::optional<TlsRefusal> refused = co_await secure->handshake(deadline);
  if (!refused) {
    observer_.on_handshake(*secure->tls());
    co_return std::unique_ptr<Transport>(std::move(secure));
  }
  observer_.on_failure(refused->failure);
  const bool late = refused->failure == TlsFailure::kTimeout;
  co_return fail(late ? ErrorKind::kConnectTimeout : ErrorKind::kConnectFailed,
                 "TLS with " + address.to_string() + ": " + refused->detail, Retriable::kAlways);
}

}  // namespace sluice
