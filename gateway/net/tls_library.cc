#include "gateway/net/tls_library.h"

#include <openssl/ssl.h>

#include "gateway/base/openssl_error.h"
#include "gateway/base/tls_ciphers.h"

namespace sluice {
namespace {

int number_of(TlsVersion version) {
  return version == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list.append(list.empty() ? "" : ":").append(name);
  return list;
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const noexcept {
  SSL_free(ssl);
}

void FreeSslContext::operator()(ssl_ctx_st* context) const noexcept {
  SSL_CTX_free(context);
}

Result<SslContextPtr> new_tls_context(const TlsProtocolOptions& options) {
  SslContextPtr context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) return fail(ErrorKind::kConfig, "no TLS: " + take_openssl_error());
  SSL_CTX_set_min_proto_version(context.get(), number_of(options.min_version));
  SSL_CTX_set_max_proto_version(context.get(), number_of(options.max_version));
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // A read of the socket takes as much as the buffer holds, and not a record's five bytes of head first.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  const std::string ciphers =
      options.ciphers.empty() ? std::string(kDefaultTls12Ciphers) : joined(options.ciphers);
  bool known = SSL_CTX_set_cipher_list(context.get(), ciphers.c_str()) == 1;
  if (!options.cipher_suites.empty())
    known = SSL_CTX_set_ciphersuites(context.get(), joined(options.cipher_suites).c_str()) == 1 && known;
  if (!known) return fail(ErrorKind::kConfig, "ciphers: " + take_openssl_error());
  return context;
}

std::string alpn_wire_format(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire.push_back(static_cast<char>(protocol.size()));
    wire += protocol;
  }
  return wire;
}

}  // namespace sluice
