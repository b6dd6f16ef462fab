#pragma once

#include <cstddef>
#include <string>

#include "gateway/base/result.h"

namespace sluice {

inline constexpr std::size_t kMaxPemBytes = 1024 * 1024;

// The text of a PEM file. Errors are kConfig: it cannot be read, or is longer than kMaxPemBytes. The caller
// wipes what holds a key.
Result<std::string> read_pem_file(const std::string& path);

}  // namespace sluice
