#include "gateway/net/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gateway/base/openssl_error.h"

namespace sluice {
namespace {

TlsFailure classify(int reason, long verified) {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return TlsFailure::kVersion;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return TlsFailure::kCipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsFailure::kAlpn;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFailure::kNoCertificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH
                 ? TlsFailure::kName
                 : TlsFailure::kCertificate;
    default:
      return reason >= SSL_AD_REASON_OFFSET ? TlsFailure::kAlert : TlsFailure::kProtocol;
  }
}

}  // namespace

std::string_view name(TlsFailure failure) noexcept {
  switch (failure) {
    case TlsFailure::kTimeout:
      return "timeout";
    case TlsFailure::kPeerGone:
      return "peer_gone";
    case TlsFailure::kPlainHttp:
      return "plain_http";
    case TlsFailure::kVersion:
      return "version";
    case TlsFailure::kCipher:
      return "cipher";
    case TlsFailure::kAlpn:
      return "alpn";
    case TlsFailure::kNoCertificate:
      return "no_certificate";
    case TlsFailure::kCertificate:
      return "certificate";
    case TlsFailure::kName:
      return "name";
    case TlsFailure::kAlert:
      return "alert";
    case TlsFailure::kProtocol:
      return "protocol";
  }
  return "";
}

TlsRefusal take_tls_refusal(const ssl_st* ssl) {
  const long verified = SSL_get_verify_result(ssl);
  const TlsFailure failure = classify(ERR_GET_REASON(ERR_peek_error()), verified);
  std::string detail = take_openssl_error();
  if (failure == TlsFailure::kCertificate || failure == TlsFailure::kName)
    detail.append(": ").append(X509_verify_cert_error_string(verified));
  return {failure, std::move(detail)};
}

}  // namespace sluice
