#include "gateway/net/tls_client_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <utility>

#include "gateway/base/ip_network.h"
#include "gateway/base/openssl_error.h"
#include "gateway/net/tls_transport.h"

namespace sluice {
namespace {

std::unexpected<Error> unusable(const std::string& what) {
  return fail(ErrorKind::kConfig, what + ": " + take_openssl_error());
}

Result<void> trust(SSL_CTX* context, const Certificates& authorities) {
  if (authorities.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return unusable("the system's authorities");
    ERR_clear_error();
    return {};
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (std::size_t i = 0; i < authorities.size(); ++i)
    if (X509_STORE_add_cert(store, authorities[i]) != 1) return unusable("authorities");
  return {};
}

Result<void> present(SSL_CTX* context, const Certificates& certificates, const PrivateKey& key) {
  if (certificates.empty()) return {};
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (std::size_t i = 1; i < certificates.size(); ++i)
    sk_X509_push(chain, certificates[i]);
  const int used = SSL_CTX_use_cert_and_key(context, certificates[0], key.get(), chain, 1);
  sk_X509_free(chain);
  if (used != 1) return unusable("certificate");
  return {};
}

}  // namespace

Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::create(const TlsClientOptions& options) {
  Result<SslContextPtr> context = new_tls_context(options.protocol);
  if (!context) return fail(std::move(context.error()));
  if (options.verify) {
    if (Result<void> trusted = trust(context->get(), options.authorities); !trusted)
      return fail(std::move(trusted.error()));
    SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
  }
  if (Result<void> presented = present(context->get(), options.certificates, options.key); !presented)
    return fail(std::move(presented.error()));
  const std::string alpn = alpn_wire_format(options.alpn);
  if (!alpn.empty()) {
    SSL_CTX_set_alpn_protos(context->get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                            static_cast<unsigned int>(alpn.size()));
  }
  // Sessions are kept by those who connect: see TlsSessionCache.
  SSL_CTX_set_session_cache_mode(context->get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context->get(), &TlsTransport::on_new_session);
  return std::shared_ptr<const TlsClientContext>(new TlsClientContext(std::move(*context), options.verify));
}

SslPtr TlsClientContext::new_ssl(const std::string& server_name) const {
  SslPtr ssl(SSL_new(context_.get()));
  if (ssl == nullptr) {
    ERR_clear_error();
    return ssl;
  }
  SSL_set_connect_state(ssl.get());
  const bool is_address = parse_ip_address(server_name).has_value();
  if (!is_address) SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
  if (verify_) {
    X509_VERIFY_PARAM* expected = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = is_address
                        ? X509_VERIFY_PARAM_set1_ip_asc(expected, server_name.c_str())
                        : X509_VERIFY_PARAM_set1_host(expected, server_name.c_str(), server_name.size());
    // A name that cannot be checked must not go unchecked.
    if (set != 1 || server_name.empty()) ssl.reset();
  }
  ERR_clear_error();
  return ssl;
}

}  // namespace sluice
