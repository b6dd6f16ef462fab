#pragma once

#include <stdexcept>
#include <string>

#include "gateway/base/certificates.h"
#include "gateway/base/private_key.h"
#include "gateway/net/tls_client_context.h"
#include "gateway/net/tls_server_context.h"

// The certificates in tests/support/certificates, which its script `make` has made.
namespace sluice {

inline std::string certificate_path(const std::string& file) {
  return std::string(SLUICE_SOURCE_DIR) + "/tests/support/certificates/" + file;
}

inline Certificates test_certificates(const std::string& name) {
  Result<Certificates> loaded = Certificates::load(certificate_path(name + ".pem"));
  if (!loaded) throw std::runtime_error(name + ": " + loaded.error().detail());
  return std::move(*loaded);
}

inline PrivateKey test_key(const std::string& name) {
  Result<PrivateKey> loaded = PrivateKey::load(certificate_path(name + ".key"));
  if (!loaded) throw std::runtime_error(name + ": " + loaded.error().detail());
  return std::move(*loaded);
}

inline TlsKeyPair test_pair(const std::string& name) {
  return {test_certificates(name), test_key(name)};
}

inline std::shared_ptr<const TlsServerContext> test_server(TlsServerOptions options) {
  auto made = TlsServerContext::create(std::move(options));
  if (!made) throw std::runtime_error(made.error().detail());
  return *made;
}

inline std::shared_ptr<const TlsClientContext> test_client(const TlsClientOptions& options) {
  auto made = TlsClientContext::create(options);
  if (!made) throw std::runtime_error(made.error().detail());
  return *made;
}

}  // namespace sluice
