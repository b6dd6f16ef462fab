#include "config/load.h"

#include <functional>
#include <utility>

#include "config/describe.h"
#include "config/endpoint_file.h"
#include "config/problems.h"
#include "config/read_text.h"
#include "config/tls_files.h"
#include "config/validate.h"

namespace sluice::config {
namespace {

void name_routes(Config& config, const Problems& problems) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const std::string path = index_path("routes", i);
    if (!problems.is_placed(path + ".name")) config.routes[i].name = path;
  }
}

using Further = std::function<void(Config& config, Problems& problems)>;

LoadResult load(std::string_view text, std::string file_name, const Further& further) {
  Config config;
  ReadOutcome read =
      read_text(text, std::move(file_name), {config_struct(), "version, listeners, clusters and routes"},
                &config, [&](Problems& problems) {
                  name_routes(config, problems);
                  validate(config, problems);
                  if (further) further(config, problems);
                });
  LoadResult result{.diagnostics = std::move(read.diagnostics)};
  if (read.ok) result.config = std::move(config);
  return result;
}

}  // namespace

LoadResult load_text(std::string_view text, std::string file_name,
                     std::optional<std::chrono::sys_seconds> now) {
  return load(text, std::move(file_name), [&](Config& config, Problems& problems) {
    if (now) read_tls_files(config, *now, problems);
  });
}

LoadResult load_file(const std::string& path, std::optional<std::chrono::sys_seconds> now) {
  const auto text = read_file(path);
  if (!text) return {.diagnostics = refuse_file(path, text.error()).diagnostics};
  return load(*text, path, [&](Config& config, Problems& problems) {
    if (now) read_tls_files(config, *now, problems);
    if (!problems.any_error()) warn_about_endpoint_files(config, problems);
  });
}

}  // namespace sluice::config
