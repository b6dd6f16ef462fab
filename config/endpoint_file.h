#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostic.h"
#include "config/problems.h"

namespace sluice::config {

struct EndpointFile {
  std::optional<std::vector<Endpoint>> endpoints = {};  // set exactly when no diagnostic is an error
  std::vector<Diagnostic> diagnostics = {};             // by position
};

// Reads a document with a list `endpoints`, as clusters have it: the file of a cluster's discovery. By the
// reader of the main file, with its limits; at least one endpoint must have a weight. Never throws for what
// the text holds; an unreadable file is a diagnostic too.
EndpointFile load_endpoint_file(const std::string& path);
EndpointFile load_endpoint_text(std::string_view text, std::string file_name);

// Warns where a cluster's discovery names a file that cannot be used: no error, since the file is another's
// work and may come or be mended later.
void warn_about_endpoint_files(const Config& config, Problems& problems);

}  // namespace sluice::config
