#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "gateway/base/result.h"

namespace sluice::text {

// The whole of a regular file. Fails (kConfig) if it cannot be read or is larger than `limit` bytes.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace sluice::text
