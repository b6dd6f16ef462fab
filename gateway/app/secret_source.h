#pragma once

#include "config/config.h"
#include "gateway/base/result.h"
#include "gateway/base/secret.h"

namespace sluice {

// Reads the secret that a configuration refers to; one line end after it is left out. Errors (kConfig) name
// the file or the variable, never what stands in it: it is missing, empty, or longer than kMaxSecretBytes.
Result<Secret> read_secret(const config::SecretSource& source);

inline constexpr std::size_t kMaxSecretBytes = 4096;

}  // namespace sluice
