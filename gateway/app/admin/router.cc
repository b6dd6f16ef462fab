#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "gateway/app/admin/page.h"

namespace sluice {
namespace {

Task<AdminPage> index_page(Gateway&, const AdminRequest&);

// Every page. A method other than GET changes something or carries a body.
constexpr AdminRoute kRoutes[] = {
    {Method::kGet, "/", false, "", index_page},
    {Method::kGet, "/live", true, "", live_page},
    {Method::kGet, "/ready", true, "", ready_page},
    {Method::kGet, "/status", false, "", status_page},
    {Method::kGet, "/metrics", false, "", metrics_page},
    {Method::kGet, "/clusters", false, "", clusters_page},
    {Method::kGet, "/streams", false, "", streams_page},
    {Method::kGet, "/config", false, "", config_page},
    {Method::kPost, "/diff", false, "", diff_page},
    {Method::kPost, "/explain", false, "", explain_page},
    {Method::kPost, "/reload", false, "reload", reload_page},
    {Method::kPost, "/drain", false, "drain", drain_page},
    {Method::kPost, "/streams/{}/kill", false, "kill", kill_page},
    {Method::kGet, "/log-level", false, "", log_level_page},
    {Method::kPut, "/log-level", false, "log-level", set_log_level_page},
};

Task<AdminPage> index_page(Gateway&, const AdminRequest&) {
  AdminPage page;
  for (const AdminRoute& route : kRoutes)
    page.body += fmt::format("{:<4} {}\n", name(route.method), route.path);
  co_return page;
}

// The text at the pattern's `{}` (empty if it has none); nullopt where the path does not fit.
std::optional<std::string_view> fit(std::string_view pattern, std::string_view path) {
  const std::size_t hole = pattern.find("{}");
  if (hole == std::string_view::npos) {
    if (pattern == path) return std::string_view();
    return std::nullopt;
  }
  const std::string_view before = pattern.substr(0, hole);
  const std::string_view after = pattern.substr(hole + 2);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after))
    return std::nullopt;
  const std::string_view subject = path.substr(hole, path.size() - before.size() - after.size());
  if (subject.contains('/')) return std::nullopt;
  return subject;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

AdminMatch match_admin_route(Method method, std::string_view path) {
  // A HEAD is a GET whose body the codec leaves out (RFC 9110 9.3.2).
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  AdminMatch match;
  for (const AdminRoute& route : kRoutes) {
    const auto subject = fit(route.path, path);
    if (!subject) continue;
    if (route.method == wanted) return {&route, *subject, {}};
    match.allow.append(match.allow.empty() ? "" : ", ").append(name(route.method));
  }
  return match;
}

std::string query_value(std::string_view query, std::string_view key) {
  if (query.starts_with('?')) query.remove_prefix(1);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) == key && equals != std::string_view::npos)
      return percent_decoded(pair.substr(equals + 1));
  }
  return {};
}

AdminPage AdminPage::error(int status, std::string_view what) {
  return json("{\"error\":" + json_quoted(what) + "}\n", status);
}

}  // namespace sluice
