// Which route would take a request, and why.
#include <algorithm>
#include <utility>

#include "gateway/app/admin/page.h"
#include "gateway/app/explain.h"
#include "gateway/app/gateway.h"

namespace sluice {
namespace {

// The line up to its end, CRLF or LF, which is taken away with it.
std::string_view take_line(std::string_view& text) {
  std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

// The body is the imagined request as HTTP/1.1 writes it, its version left out: line, header fields, an empty
// line, body. `?client=` is the IP address that it comes from.
Task<AdminPage> explain_page(Gateway& gateway, const AdminRequest& request) {
  ImaginedRequest imagined;
  std::string_view rest = request.body;
  imagined.line = take_line(rest);
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos)
      co_return AdminPage::error(400, "a header field is written `Name: value`");
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' '))
      value.remove_prefix(1);
    imagined.headers.emplace_back(line.substr(0, colon), value);
  }
  imagined.body = rest;
  if (std::string client = query_value(request.query, "client"); !client.empty())
    imagined.client = std::move(client);
  Result<std::string> explained = explain_json(gateway.config(), imagined);
  if (!explained) co_return AdminPage::error(400, explained.error().detail());
  co_return AdminPage::json(*explained + "\n");
}

}  // namespace sluice
