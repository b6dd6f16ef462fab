// What operators change. Who may is decided before (access.h), and every change is noted (audit_log.h).
#include <fmt/format.h>

#include <optional>
#include <utility>

#include "gateway/app/admin/page.h"
#include "gateway/app/gateway.h"

namespace sluice {
namespace {

std::string level_json(Gateway& gateway) {
  return R"({"level":)" + json_quoted(name(gateway.log_level())) + "}\n";
}

std::optional<LogLevel> parse_level(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r'))
    text.remove_suffix(1);
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    if (text == name(level)) return level;
  }
  return std::nullopt;
}

}  // namespace

// 409 with what is wrong where the running configuration stayed.
Task<AdminPage> reload_page(Gateway& gateway, const AdminRequest& request) {
  const ReloadReport report = co_await gateway.reload("admin " + request.who);
  std::string problems;
  for (const std::string& problem : report.problems)
    problems.append(problems.empty() ? "" : ",").append(json_quoted(problem));
  co_return AdminPage::json(
      fmt::format(R"({{"ok":{},"changed":{},"generation":{},"milliseconds":{:.3f},"problems":[{}]}})"
                  "\n",
                  report.ok, report.changed, report.generation, report.milliseconds, problems),
      report.ok ? 200 : 409);
}

// 202: the process ends when its last exchange has, or when drain.timeout is over.
Task<AdminPage> drain_page(Gateway& gateway, const AdminRequest&) {
  // A second stop() would cut the exchanges in flight, which nobody means who asks to drain.
  if (!gateway.draining()) gateway.stop();
  co_return AdminPage::json(fmt::format(R"({{"draining":true,"open_streams":{}}})"
                                        "\n",
                                        gateway.open_streams()),
                            202);
}

Task<AdminPage> kill_page(Gateway& gateway, const AdminRequest& request) {
  const bool killed = co_await gateway.kill(std::string(request.subject));
  if (!killed) co_return AdminPage::error(404, "no stream in flight has this id");
  co_return AdminPage::json("{\"killed\":" + json_quoted(request.subject) + "}\n");
}

Task<AdminPage> log_level_page(Gateway& gateway, const AdminRequest&) {
  co_return AdminPage::json(level_json(gateway));
}

// The body is the level. It stays until the process ends or a reload brings another.
Task<AdminPage> set_log_level_page(Gateway& gateway, const AdminRequest& request) {
  const std::optional<LogLevel> level = parse_level(request.body);
  if (!level) co_return AdminPage::error(400, "a level is debug, info, warning or error");
  gateway.set_log_level(*level);
  co_return AdminPage::json(level_json(gateway));
}

}  // namespace sluice
