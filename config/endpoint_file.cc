#include "config/endpoint_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/read_text.h"
#include "config/validate_sections.h"

namespace sluice::config {

EndpointFile load_endpoint_text(std::string_view text, std::string file_name) {
  EndpointList list;
  ReadOutcome read =
      read_text(text, std::move(file_name), {endpoint_list_struct(), "endpoints"}, &list,
                [&](Problems& problems) { validate_endpoints(list.endpoints, "endpoints", problems); });
  EndpointFile file{.diagnostics = std::move(read.diagnostics)};
  if (read.ok) file.endpoints = std::move(list.endpoints);
  return file;
}

EndpointFile load_endpoint_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return {.diagnostics = refuse_file(path, text.error()).diagnostics};
  return load_endpoint_text(*text, path);
}

void warn_about_endpoint_files(const Config& config, Problems& problems) {
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    const auto& discovery = config.clusters[i].discovery;
    if (!discovery || !discovery->file) continue;
    const EndpointFile file = load_endpoint_file(*discovery->file);
    if (file.endpoints) continue;
    const std::string reason = file.diagnostics.front().to_string();
    problems.warning(
        join_path(index_path("clusters", i), "discovery.file"),
        fmt::format("brings no endpoints until it is mended: {}", reason.substr(0, reason.find('\n'))));
  }
}

}  // namespace sluice::config
