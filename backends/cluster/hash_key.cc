#include "backends/cluster/hash_key.h"

#include <algorithm>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice {
namespace {

// RFC 6265, section 4.2.1: `a=1; b=2`. The first of the name; empty if there is none.
std::string_view find_cookie(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    const std::size_t end = std::min(field.find(';'), field.size());
    std::string_view pair = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    while (pair.starts_with(' ') || pair.starts_with('\t'))
      pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

// A client keeps its address from one connection to the next, not its port.
std::string_view without_port(std::string_view client) {
  const std::size_t colon = client.rfind(':');
  const bool bare_v6 = !client.starts_with('[') && client.find(':') != colon;
  return colon == std::string_view::npos || bare_v6 ? client : client.substr(0, colon);
}

std::string_view value_of(const HashSource& source, const Request& request, std::string_view client) {
  switch (source.kind) {
    case HashSource::Kind::kHeader:
      return request.upstream_head.headers.get(source.name);
    case HashSource::Kind::kCookie:
      return find_cookie(request.upstream_head.headers.get("cookie"), source.name);
    case HashSource::Kind::kMember:
      return request.view ? request.view->text_of(source.name) : std::string_view();
    case HashSource::Kind::kAddress:
      return without_port(client);
  }
  std::unreachable();
}

}  // namespace

std::optional<std::uint64_t> hash_key(std::span<const HashSource> sources, const Request& request,
                                      std::string_view client) {
  for (const HashSource& source : sources) {
    const std::string_view value = value_of(source, request, client);
    if (!value.empty()) return XXH3_64bits(value.data(), value.size());
  }
  return std::nullopt;
}

}  // namespace sluice
