#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/certificates.h"
#include "gateway/base/private_key.h"
#include "gateway/base/result.h"
#include "gateway/net/tls_library.h"

namespace sluice {

struct TlsClientOptions {
  Certificates authorities = {};   // empty: those that the system trusts
  Certificates certificates = {};  // shown to servers that ask; with the key, or none
  PrivateKey key = {};
  bool verify = true;  // false: any certificate of any name will do
  TlsProtocolOptions protocol = {};
  std::vector<std::string> alpn = {"http/1.1"};  // offered, by preference; empty: not spoken of

  bool operator==(const TlsClientOptions&) const = default;
};

// How a cluster's servers are spoken to over TLS. Immutable once made, shared by all shards, replaced as a
// whole. Threads: any.
class TlsClientContext {
 public:
  // Errors are kConfig.
  static Result<std::shared_ptr<const TlsClientContext>> create(const TlsClientOptions& options);

  // For one connection to a server that must prove to be `server_name`, a DNS name or an IP address. The
  // name is also asked for (SNI), unless it is an address (RFC 6066 3). The context outlives it.
  SslPtr new_ssl(const std::string& server_name) const;

 private:
  TlsClientContext(SslContextPtr context, bool verify) noexcept
      : context_(std::move(context)), verify_(verify) {}

  SslContextPtr context_;
  bool verify_;
};

}  // namespace sluice
