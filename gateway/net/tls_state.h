#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/certificates.h"

namespace sluice {

// The certificate that the other side of a connection showed.
struct PeerCertificate {
  std::string subject;                 // RFC 4514, ASCII
  std::vector<AlternativeName> names;  // of its subjectAltName
  std::string fingerprint;             // SHA-256, in hexadecimal
  bool verified = false;               // its chain leads to an authority that is trusted here
};

// What TLS says of a connection once its handshake is over. Plain connections have none.
struct TlsState {
  std::string_view version;  // "TLSv1.2", "TLSv1.3"
  std::string_view cipher;   // the library's name
  std::string alpn;          // the protocol both sides agreed on; empty if they did not speak of it
  std::string server_name;   // that the client asked for; empty if it did not say
  bool resumed = false;      // from an earlier session, without certificates being shown again
  std::optional<PeerCertificate> peer = {};
};

}  // namespace sluice
