#include "gateway/http/hop_by_hop.h"

#include <string>
#include <vector>

namespace sluice {
namespace {

template <class F>
void for_each_option(std::string_view list, F&& visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t'))
      item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t'))
      item.remove_suffix(1);
    if (!item.empty()) visit(item);
  }
}

constexpr bool is_hop_by_hop(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    default:
      return false;
  }
}

// Options that name no field to remove: connection options proper, and fields a nomination must not touch.
bool is_only_an_option(std::string_view option) noexcept {
  return equals_ignoring_case(option, "close") || equals_ignoring_case(option, "keep-alive") ||
         equals_ignoring_case(option, "host") || equals_ignoring_case(option, "content-length");
}

}  // namespace

void remove_hop_by_hop(Headers& headers) {
  std::vector<std::string> nominated;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (field.id != HeaderId::kConnection) continue;
    for_each_option(field.value, [&](std::string_view option) {
      if (!is_only_an_option(option)) nominated.emplace_back(option);
    });
  }
  headers.remove_if([&](const Headers::Field& field) {
    if (is_hop_by_hop(field.id)) return true;
    for (const std::string& name : nominated) {
      if (equals_ignoring_case(field.name, name)) return true;
    }
    return false;
  });
}

bool has_connection_option(const Headers& headers, std::string_view option) noexcept {
  bool found = false;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (field.id != HeaderId::kConnection) continue;
    for_each_option(field.value,
                    [&](std::string_view o) { found = found || equals_ignoring_case(o, option); });
  }
  return found;
}

}  // namespace sluice
