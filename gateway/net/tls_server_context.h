#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/certificates.h"
#include "gateway/base/private_key.h"
#include "gateway/base/result.h"
#include "gateway/net/tls_library.h"
#include "gateway/net/tls_ticket_keys.h"

namespace sluice {

struct TlsKeyPair {
  Certificates certificates;  // the server's own first, then those between it and its authority
  PrivateKey key;
};

struct TlsServerOptions {
  // At least one; the first is for clients that ask for no name or for one that none has.
  std::vector<TlsKeyPair> key_pairs = {};
  TlsProtocolOptions protocol = {};
  // Optional: a client may have none, but one that it shows must be good.
  enum class ClientCertificates : std::uint8_t { kNone, kOptional, kRequired };
  ClientCertificates client_certificates = ClientCertificates::kNone;
  Certificates client_authorities = {};  // needed unless kNone
  // By our preference (RFC 7301). A client that offers only others is refused; one that offers none is
  // served.
  std::vector<std::string> alpn = {"http/1.1"};
  // Of the listener. A session of one listener is no session at another, nor at the same one after what it
  // demands of client certificates has changed.
  std::string name = {};
  std::shared_ptr<TlsTicketKeys> tickets = {};  // null: every connection has a full handshake
  std::chrono::seconds session_lifetime = std::chrono::hours(12);
};

// How a listener speaks TLS: immutable once made, shared by its connections on all shards, and replaced as a
// whole when the configuration is loaded anew; connections keep the one they began with.
//
// The certificate follows the name that the client asks for: an exact one, else a wildcard for its first
// label, else the first pair's. Pairs of different algorithms for one name serve together, and the client's
// abilities decide. Threads: any.
class TlsServerContext {
 public:
  // Errors are kConfig.
  static Result<std::shared_ptr<const TlsServerContext>> create(TlsServerOptions options);

  // For one connection; the context outlives it.
  SslPtr new_ssl() const;

 private:
  struct Callbacks;
  using Pairs = std::vector<const TlsKeyPair*>;

  explicit TlsServerContext(TlsServerOptions options);
  Result<void> build();
  Pairs pairs_for(const std::string& name) const;
  Result<ssl_ctx_st*> context_for(const Pairs& pairs);
  Result<SslContextPtr> make_context(const Pairs& pairs);
  Result<void> ask_for_client_certificates(ssl_ctx_st* context) const;
  ssl_ctx_st* find(std::string_view server_name) const;

  TlsServerOptions options_;
  std::string alpn_;                                         // on the wire
  std::map<Pairs, SslContextPtr> contexts_;                  // one for each set of pairs that serve together
  std::map<std::string, ssl_ctx_st*, std::less<>> by_name_;  // `api.example.org`, `*.example.org`
  ssl_ctx_st* default_ = nullptr;
};

}  // namespace sluice
