#include "config/validate.h"

#include <fmt/format.h>

#include "config/validate_sections.h"

namespace sluice::config {

static void validate_traces(const Traces& traces, Problems& problems) {
  const std::string path = "observability.traces";
  if (problems.failed(path)) return;
  if (traces.batch > traces.queue) {
    problems.error(path + ".batch",
                   fmt::format("must not exceed queue ({}), got {}; lower it, or raise queue", traces.queue,
                               traces.batch));
  }
}

// Compared with the defaults and not by what stands in the file, so that an effective configuration, which
// writes every key out, is not full of warnings. The same in validate_routes.cc.
static void warn_about_traces(const Traces& traces, Problems& problems) {
  if (!traces.otlp && traces != Traces{})
    problems.warning("observability.traces", "has no effect without otlp; set it, or leave the section out");
}

void validate(const Config& config, Problems& problems) {
  check_names(config.listeners, "listeners", problems, "choose another");
  check_names(config.clusters, "clusters", problems, "choose another");
  check_names(config.routes, "routes", problems, "choose another");
  validate_listening(config, problems);
  validate_clusters(config, problems);
  validate_routes(config, problems);
  validate_traces(config.observability.traces, problems);
  if (problems.any_error()) return;
  warn_about_clusters(config, problems);
  warn_about_routes(config, problems);
  warn_about_traces(config.observability.traces, problems);
}

}  // namespace sluice::config
