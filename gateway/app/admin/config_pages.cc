// The configuration in force, and what another one would change.
#include <optional>
#include <utility>

#include "config/difference.h"
#include "config/documents.h"
#include "config/load.h"
#include "gateway/app/admin/page.h"
#include "gateway/app/gateway.h"

namespace sluice {
namespace {

std::string quoted_or_null(const std::optional<std::string>& text) {
  return text ? json_quoted(*text) : "null";
}

std::string problems_json(const std::vector<config::Diagnostic>& diagnostics) {
  std::string out;
  for (const config::Diagnostic& d : diagnostics)
    out.append(out.empty() ? "" : ",").append(json_quoted(d.to_string()));
  return "[" + out + "]";
}

}  // namespace

Task<AdminPage> config_page(Gateway& gateway, const AdminRequest&) {
  co_return AdminPage{.type = "application/yaml", .body = config::print_effective(gateway.config())};
}

// The text is read as a file is, but never put in force. 422 with every problem where it has errors.
Task<AdminPage> diff_page(Gateway& gateway, const AdminRequest& request) {
  const config::LoadResult loaded = config::load_text(request.body, "the configuration");
  if (!loaded.config)
    co_return AdminPage::json(
        R"({"error":"the configuration has errors","problems":)" + problems_json(loaded.diagnostics) + "}\n",
        422);
  std::string changes;
  for (const config::Change& change : config::difference(gateway.config(), *loaded.config)) {
    changes.append(changes.empty() ? "\n" : ",\n")
        .append(R"({"path":)" + json_quoted(change.path))
        .append(R"(,"before":)" + quoted_or_null(change.before))
        .append(R"(,"after":)" + quoted_or_null(change.after) + "}");
  }
  co_return AdminPage::json(R"({"changes":[)" + changes + R"(],"problems":)" +
                            problems_json(loaded.diagnostics) + "}\n");
}

}  // namespace sluice
