#include "gateway/net/tls_server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <span>
#include <utility>

#include "gateway/base/openssl_error.h"

namespace sluice {
namespace {

std::unexpected<Error> unusable(const std::string& what) {
  return fail(ErrorKind::kConfig, what + ": " + take_openssl_error());
}

// What a session depends on beside the ticket's key: 32 bytes, the most that the library takes.
std::string session_context(const TlsServerOptions& options) {
  const std::string text = options.name + '\n' +
                           std::to_string(static_cast<int>(options.client_certificates)) + '\n' +
                           std::string(options.client_authorities.fingerprint());
  std::string digest(32, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr, EVP_sha256(),
             nullptr);
  return digest;
}

bool seal(const TlsTicketKeys::Key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
          bool encrypting) {
  TlsTicketKeys::Key copy = key;  // the parameters take pointers to what they do not change
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, copy.mac.data(), copy.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  const bool done =
      EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, copy.cipher.data(), iv, encrypting ? 1 : 0) == 1;
  OPENSSL_cleanse(&copy, sizeof copy);
  return done;
}

}  // namespace

struct TlsServerContext::Callbacks {
  static const TlsServerContext& of(SSL* ssl) {
    return *static_cast<const TlsServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  }

  static int choose_certificate(SSL* ssl, int*, void*) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* chosen = of(ssl).find(name);
    if (chosen != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, chosen);
    return SSL_TLSEXT_ERR_OK;
  }

  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                             const unsigned char* offered, unsigned int offered_size, void*) {
    const std::string& ours = of(ssl).alpn_;
    unsigned char* chosen = nullptr;
    const int outcome =
        SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned int>(ours.size()), offered, offered_size);
    // RFC 7301 3.2: with nothing in common the server answers no_application_protocol.
    if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  // Returns what the library's manual says: 0 an unknown key, 1 done, 2 done and the ticket is to be renewed.
  static int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                        EVP_MAC_CTX* mac, int encrypt) {
    TlsTicketKeys& keys = *of(ssl).options_.tickets;
    if (encrypt != 0) {
      const TlsTicketKeys::Key key = keys.current();
      if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
      std::ranges::copy(key.name, name);
      return seal(key, iv, cipher, mac, true) ? 1 : -1;
    }
    const auto found = keys.find(std::span<const unsigned char>(name, sizeof TlsTicketKeys::Key::name));
    if (!found) return 0;
    if (!seal(found->key, iv, cipher, mac, false)) return -1;
    // RFC 8446 C.4: a ticket of TLS 1.3 is used once, so a resumption brings the next one.
    return found->current && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
  }
};

Result<std::shared_ptr<const TlsServerContext>> TlsServerContext::create(TlsServerOptions options) {
  std::shared_ptr<TlsServerContext> context(new TlsServerContext(std::move(options)));
  if (Result<void> built = context->build(); !built) return fail(std::move(built.error()));
  return context;
}

TlsServerContext::TlsServerContext(TlsServerOptions options)
    : options_(std::move(options)), alpn_(alpn_wire_format(options_.alpn)) {}

Result<void> TlsServerContext::build() {
  if (options_.key_pairs.empty()) return fail(ErrorKind::kConfig, "TLS needs a certificate");
  for (const TlsKeyPair& pair : options_.key_pairs) {
    if (pair.certificates.empty() || pair.key.empty())
      return fail(ErrorKind::kConfig, "TLS needs certificates that were read");
    for (const std::string& name : pair.certificates.dns_names()) {
      if (by_name_.contains(name)) continue;
      const Result<ssl_ctx_st*> context = context_for(pairs_for(name));
      if (!context) return fail(context.error());
      by_name_.emplace(name, *context);
    }
  }
  // The first pair, together with those that share a name with it.
  const std::vector<std::string> names = options_.key_pairs.front().certificates.dns_names();
  const Pairs pairs = names.empty() ? Pairs{&options_.key_pairs.front()} : pairs_for(names.front());
  const Result<ssl_ctx_st*> context = context_for(pairs);
  if (!context) return fail(context.error());
  default_ = *context;
  return {};
}

// The first pair of each algorithm that has the name.
TlsServerContext::Pairs TlsServerContext::pairs_for(const std::string& name) const {
  Pairs pairs;
  for (const TlsKeyPair& pair : options_.key_pairs) {
    const std::vector<std::string> names = pair.certificates.dns_names();
    const bool has_name = std::ranges::find(names, name) != names.end();
    const bool is_new = std::ranges::none_of(
        pairs, [&](const TlsKeyPair* p) { return p->key.algorithm() == pair.key.algorithm(); });
    if (has_name && is_new) pairs.push_back(&pair);
  }
  return pairs;
}

Result<ssl_ctx_st*> TlsServerContext::context_for(const Pairs& pairs) {
  if (const auto known = contexts_.find(pairs); known != contexts_.end()) return known->second.get();
  Result<SslContextPtr> made = make_context(pairs);
  if (!made) return fail(std::move(made.error()));
  return contexts_.emplace(pairs, std::move(*made)).first->second.get();
}

Result<SslContextPtr> TlsServerContext::make_context(const Pairs& pairs) {
  Result<SslContextPtr> made = new_tls_context(options_.protocol);
  if (!made) return made;
  SSL_CTX* context = made->get();
  SSL_CTX_set_app_data(context, this);
  for (const TlsKeyPair* pair : pairs) {
    // Takes references of its own.
    STACK_OF(X509)* chain = sk_X509_new_null();
    for (std::size_t i = 1; i < pair->certificates.size(); ++i)
      sk_X509_push(chain, pair->certificates[i]);
    const int used = SSL_CTX_use_cert_and_key(context, pair->certificates[0], pair->key.get(), chain, 1);
    sk_X509_free(chain);
    if (used != 1) return unusable("certificate");
  }
  if (Result<void> asked = ask_for_client_certificates(context); !asked) return fail(asked.error());
  const std::string session = session_context(options_);
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(session.data()),
                                 static_cast<unsigned int>(session.size()));
  SSL_CTX_set_timeout(context, static_cast<long>(options_.session_lifetime.count()));
  if (options_.tickets == nullptr) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
  } else {
    // One instead of two: a ticket costs as much as a small answer, and each resumption brings the next.
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, Callbacks::ticket_key);
  }
  SSL_CTX_set_tlsext_servername_callback(context, Callbacks::choose_certificate);
  SSL_CTX_set_alpn_select_cb(context, Callbacks::choose_protocol, nullptr);
  return made;
}

Result<void> TlsServerContext::ask_for_client_certificates(SSL_CTX* context) const {
  using enum TlsServerOptions::ClientCertificates;
  if (options_.client_certificates == kNone) return {};
  if (options_.client_authorities.empty())
    return fail(ErrorKind::kConfig, "client certificates need authorities to trust");
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (std::size_t i = 0; i < options_.client_authorities.size(); ++i) {
    if (X509_STORE_add_cert(store, options_.client_authorities[i]) != 1 ||
        SSL_CTX_add_client_CA(context, options_.client_authorities[i]) != 1)
      return unusable("client authorities");
  }
  SSL_CTX_set_verify(context,
                     options_.client_certificates == kRequired
                         ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                         : SSL_VERIFY_PEER,
                     nullptr);
  return {};
}

ssl_ctx_st* TlsServerContext::find(std::string_view server_name) const {
  std::string name(server_name.substr(0, server_name.size() - (server_name.ends_with('.') ? 1 : 0)));
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
  // RFC 6125 6.4.3: the wildcard stands for one label.
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos) return default_;
  const auto wildcard = by_name_.find("*" + name.substr(dot));
  return wildcard == by_name_.end() ? default_ : wildcard->second;
}

SslPtr TlsServerContext::new_ssl() const {
  SslPtr ssl(SSL_new(default_));
  if (ssl != nullptr) SSL_set_accept_state(ssl.get());
  ERR_clear_error();
  return ssl;
}

}  // namespace sluice
