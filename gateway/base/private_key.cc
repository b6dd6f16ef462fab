#include "gateway/base/private_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <utility>

#include "gateway/base/openssl_error.h"
#include "gateway/base/pem_file.h"
#include "gateway/base/secret.h"

namespace sluice {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

// Notes that the key asks for a passphrase, and has none.
int refuse_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

}  // namespace

Result<PrivateKey> PrivateKey::load(const std::string& path) {
  Result<std::string> text = read_pem_file(path);
  if (!text) return fail(std::move(text.error()));
  Result<PrivateKey> key = parse(*text);
  wipe(*text);
  return key;
}

Result<PrivateKey> PrivateKey::parse(std::string_view pem) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  bool asked = false;
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &asked);
  // The library calls a file without a key and one with an unknown kind of key alike.
  const bool nothing = pem.find("PRIVATE KEY-----") == std::string_view::npos;
  const std::string reason = take_openssl_error();
  if (key != nullptr) return PrivateKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free));
  if (asked) {
    return fail(ErrorKind::kConfig,
                "is protected by a passphrase, which nobody could type; store it without one "
                "(openssl pkey -in OLD -out NEW), readable by the gateway's user alone");
  }
  if (nothing) {
    return fail(ErrorKind::kConfig,
                "holds no private key; it needs a PEM block such as the one that begins with -----BEGIN "
                "PRIVATE KEY-----");
  }
  return fail(ErrorKind::kConfig, "holds a private key that cannot be read (" + reason +
                                      "); put the whole PEM block there, from BEGIN to END");
}

std::string_view PrivateKey::algorithm() const noexcept {
  const char* name = key_ == nullptr ? nullptr : EVP_PKEY_get0_type_name(key_.get());
  return name == nullptr ? std::string_view() : std::string_view(name);
}

Result<void> PrivateKey::check_use_with(const Certificates& certificates) const {
  const int matches = X509_check_private_key(certificates[0], key_.get());
  ERR_clear_error();
  if (matches != 1) {
    return fail(ErrorKind::kConfig,
                "is not the key of the certificate; take the file that was made together with it");
  }
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_method()));
  const int usable =
      SSL_CTX_use_cert_and_key(context.get(), certificates[0], key_.get(), nullptr, /*override=*/1);
  const std::string reason = take_openssl_error();
  if (usable != 1) {
    return fail(
        ErrorKind::kConfig,
        "cannot be used with its certificate (" + reason +
            "); make a new pair, for example with openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256");
  }
  return {};
}

bool PrivateKey::operator==(const PrivateKey& other) const noexcept {
  if (key_ == other.key_) return true;
  if (key_ == nullptr || other.key_ == nullptr) return false;
  const bool same = EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
  ERR_clear_error();
  return same;
}

}  // namespace sluice
