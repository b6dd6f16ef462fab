#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gateway/base/result.h"

struct ssl_st;
struct ssl_ctx_st;

// What both sides of TLS set alike, and owners for the library's objects.
namespace sluice {

enum class TlsVersion : std::uint8_t { k12, k13 };

struct FreeSsl {
  void operator()(ssl_st* ssl) const noexcept;
};
using SslPtr = std::unique_ptr<ssl_st, FreeSsl>;

struct FreeSslContext {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using SslContextPtr = std::unique_ptr<ssl_ctx_st, FreeSslContext>;

struct TlsProtocolOptions {
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  // In the library's spelling, by preference; empty: the defaults (gateway/base/tls_ciphers.h, and the
  // library's suites of TLS 1.3).
  std::vector<std::string> ciphers = {};        // of TLS 1.2
  std::vector<std::string> cipher_suites = {};  // of TLS 1.3

  bool operator==(const TlsProtocolOptions&) const = default;
};

// A context for TLS 1.2 and 1.3 without renegotiation, compression and early data, that keeps no buffers for
// idle connections and no sessions of its own. Errors: kConfig, a cipher that the library does not know.
Result<SslContextPtr> new_tls_context(const TlsProtocolOptions& options);

// The names as RFC 7301 3.1 puts them on the wire: each behind its length.
std::string alpn_wire_format(const std::vector<std::string>& protocols);

}  // namespace sluice
