#pragma once

#include <string>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice {

// The ciphers of TLS 1.2 where nothing else is said: AEAD, with a fresh key exchange for each session
// (RFC 9325 4.2), colon-separated in the library's spelling.
inline constexpr std::string_view kDefaultTls12Ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// Is this the name of a cipher that may be configured? Errors are kConfig, as the end of a sentence: unknown
// to the library, or without AEAD and a fresh key exchange.
Result<void> check_tls12_cipher(const std::string& name);
Result<void> check_tls13_suite(const std::string& name);

}  // namespace sluice
