#include "gateway/app/listener_tls.h"

#include <chrono>
#include <utility>

#include "gateway/net/tls_server_context.h"

namespace sluice {
namespace {

TlsServerOptions::ClientCertificates demand(config::ListenerTls::ClientCertificates setting) {
  using Setting = config::ListenerTls::ClientCertificates;
  using Demand = TlsServerOptions::ClientCertificates;
  switch (setting) {
    case Setting::kNone:
      return Demand::kNone;
    case Setting::kOptional:
      return Demand::kOptional;
    case Setting::kRequired:
      break;
  }
  return Demand::kRequired;
}

TlsServerOptions server_options(const config::ListenerTls& tls) {
  TlsServerOptions options;
  for (const config::KeyPair& pair : tls.certificates)
    options.key_pairs.push_back({pair.certificates, pair.key});
  if (tls.min_version == config::ListenerTls::Version::k13) options.protocol.min_version = TlsVersion::k13;
  options.protocol.ciphers = tls.ciphers;
  options.protocol.cipher_suites = tls.cipher_suites;
  options.client_certificates = demand(tls.client_certificates);
  options.client_authorities = tls.client_authorities;
  options.session_lifetime =
      std::chrono::duration_cast<std::chrono::seconds>(tls.session_tickets.rotate_after);
  return options;
}

}  // namespace

Result<std::optional<TlsAcceptOptions>> tls_accept_options(const config::Listener& listener,
                                                           std::shared_ptr<TlsTicketKeys>& keys,
                                                           const TimeSource& time) {
  if (!listener.tls) return std::nullopt;
  const config::ListenerTls& tls = *listener.tls;
  TlsServerOptions options = server_options(tls);
  options.name = listener.name;
  options.alpn = {"http/1.1"};
  if (listener.http.max_streams > 0) options.alpn.insert(options.alpn.begin(), "h2");
  if (tls.session_tickets.enabled) {
    if (keys == nullptr) keys = std::make_shared<TlsTicketKeys>(time, tls.session_tickets.rotate_after);
    keys->set_period(tls.session_tickets.rotate_after);
    options.tickets = keys;
  }
  auto context = TlsServerContext::create(std::move(options));
  if (!context)
    return fail(ErrorKind::kConfig, "listener " + listener.name + ": TLS: " + context.error().detail());
  return TlsAcceptOptions{.context = std::move(*context),
                          .handshake_timeout = tls.handshake_timeout,
                          .idle_timeout = listener.http.idle_timeout};
}

}  // namespace sluice
