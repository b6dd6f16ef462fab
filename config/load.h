#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostic.h"

namespace sluice::config {

struct LoadResult {
  std::optional<Config> config = {};         // set exactly when no diagnostic is an error
  std::vector<Diagnostic> diagnostics = {};  // by position

  bool ok() const { return config.has_value(); }
};

// Reads a configuration and finds everything that is wrong with it at once. No name is resolved. load_text is
// a pure function of the text; load_file also opens the files of clusters' discovery, and warns of those that
// cannot be used. With `now`, the time that certificates must be valid at, both read the certificates and
// keys that the configuration names. Limits against a hostile file: 1 MiB, 32 levels, 100,000 values, 100
// diagnostics. Never throws for what the text holds; an unreadable file is a diagnostic too.
LoadResult load_file(const std::string& path, std::optional<std::chrono::sys_seconds> now = {});
LoadResult load_text(std::string_view text, std::string file_name,
                     std::optional<std::chrono::sys_seconds> now = {});

}  // namespace sluice::config
