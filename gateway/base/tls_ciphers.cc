#include "gateway/base/tls_ciphers.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <memory>

namespace sluice {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;

// Names only: an expression such as ALL or !MD5 would say less than it seems to.
bool is_name(const std::string& text, char separator) {
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == separator;
  });
}

const SSL_CIPHER* find(const Context& context, const std::string& name) {
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    if (name == SSL_CIPHER_get_name(cipher)) return cipher;
  }
  return nullptr;
}

}  // namespace

Result<void> check_tls12_cipher(const std::string& name) {
  const Context context(SSL_CTX_new(TLS_method()));
  const bool known = is_name(name, '-') && SSL_CTX_set_cipher_list(context.get(), name.c_str()) == 1;
  ERR_clear_error();
  const SSL_CIPHER* cipher = known ? find(context, name) : nullptr;
  if (cipher == nullptr)
    return fail(ErrorKind::kConfig, "is no cipher of TLS 1.2; openssl ciphers -v -tls1_2 lists them");
  const int exchange = SSL_CIPHER_get_kx_nid(cipher);
  if (SSL_CIPHER_is_aead(cipher) != 1 || (exchange != NID_kx_ecdhe && exchange != NID_kx_dhe)) {
    return fail(ErrorKind::kConfig,
                "is not safe enough: a cipher must be an AEAD with a fresh key exchange, such as "
                "ECDHE-ECDSA-AES128-GCM-SHA256");
  }
  return {};
}

Result<void> check_tls13_suite(const std::string& name) {
  const Context context(SSL_CTX_new(TLS_method()));
  const bool known = is_name(name, '_') && SSL_CTX_set_ciphersuites(context.get(), name.c_str()) == 1;
  ERR_clear_error();
  if (!known || find(context, name) == nullptr) {
    return fail(ErrorKind::kConfig,
                "is no cipher suite of TLS 1.3; they are TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, "
                "TLS_CHACHA20_POLY1305_SHA256 and two with CCM");
  }
  return {};
}

}  // namespace sluice
