// The handshake of TlsTransport.

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "gateway/net/tls_transport.h"

namespace sluice {
namespace {

PeerCertificate describe(X509* certificate, bool verified) {
  return {.subject = subject_of(certificate),
          .names = alternative_names(certificate),
          .fingerprint = fingerprint_of(certificate),
          .verified = verified};
}

std::string visible(const char* text) {
  std::string out = text == nullptr ? "" : text;
  const bool good = std::ranges::all_of(out, [](char c) { return c > 0x20 && c < 0x7f; });
  return good ? out : std::string();
}

}  // namespace

Task<std::optional<TlsRefusal>> TlsTransport::handshake(TimePoint deadline) {
  if (ssl_ == nullptr) co_return TlsRefusal{TlsFailure::kProtocol, "the server's name cannot be checked"};
  for (;;) {
    drained_ = false;
    gathering_ = true;
    const int outcome = SSL_do_handshake(ssl_.get());
    gathering_ = false;
    const int reason = outcome == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), outcome);
    // Kept before flush(), whose own failure says less.
    std::optional<TlsRefusal> refused;
    if (outcome != 1 && reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) refused = refusal();
    // An alert that the socket does not take at once is not worth waiting for.
    while (!flush() && !refused) {
      const bool in_time = co_await inner_->writable(deadline);
      if (!in_time) co_return TlsRefusal{TlsFailure::kTimeout, "the peer takes no bytes of the handshake"};
    }
    if (refused) {
      broken_ = true;
      co_return refused;
    }
    if (outcome == 1) break;
    if (reason == SSL_ERROR_WANT_WRITE) continue;
    if (inner_ended_ || broken_)
      co_return TlsRefusal{TlsFailure::kPeerGone, "the connection was closed during the handshake"};
    const bool in_time = co_await inner_->readable(deadline);
    if (!in_time) co_return TlsRefusal{TlsFailure::kTimeout, "the handshake took too long"};
  }
  note_established();
  co_return std::nullopt;
}

TlsRefusal TlsTransport::refusal() {
  TlsRefusal refused = take_tls_refusal(ssl_.get());
  const bool speaks_http =
      role_ == Role::kServer && first_byte_ && *first_byte_ >= 'A' && *first_byte_ <= 'Z';
  if (speaks_http) return {TlsFailure::kPlainHttp, "plain HTTP"};
  return refused;
}

void TlsTransport::note_established() {
  SSL* ssl = ssl_.get();
  established_ = true;
  // The first request may have come with the last message of the handshake.
  more_ = SSL_has_pending(ssl) != 0;
  state_.version = SSL_get_version(ssl);
  state_.cipher = SSL_get_cipher_name(ssl);
  state_.resumed = SSL_session_reused(ssl) == 1;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  state_.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  state_.server_name = visible(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  if (X509* certificate = SSL_get0_peer_certificate(ssl))
    state_.peer = describe(certificate, SSL_get_verify_result(ssl) == X509_V_OK);
  ERR_clear_error();
}

}  // namespace sluice
