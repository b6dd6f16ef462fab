#pragma once

#include <cstdint>
#include <string>
#include <string_view>

struct ssl_st;

namespace sluice {

// Why a handshake ended without a connection; the label `reason` of metrics.
enum class TlsFailure : std::uint8_t {
  kTimeout,        // it took too long
  kPeerGone,       // the other side closed before it was over
  kPlainHttp,      // the client's first bytes are those of an HTTP request
  kVersion,        // no version of TLS in common
  kCipher,         // no cipher, curve or signature in common
  kAlpn,           // the client offers only protocols that are not spoken here
  kNoCertificate,  // the client shows none where one is required
  kCertificate,    // the other side's certificate is not trusted: unknown authority, expired, not meant for
                   // this
  kName,           // the server's certificate is for other names
  kAlert,          // the other side refused, and its alert says why
  kProtocol,       // bytes that are no TLS, or break its rules
};
inline constexpr int kTlsFailureCount = static_cast<int>(TlsFailure::kProtocol) + 1;
std::string_view name(TlsFailure failure) noexcept;

// One reason, and what the library and the certificate check said of it: for operators.
struct TlsRefusal {
  TlsFailure failure;
  std::string detail;
};

// After a handshake function failed: reads, and empties, the library's queue of errors.
TlsRefusal take_tls_refusal(const ssl_st* ssl);

}  // namespace sluice
