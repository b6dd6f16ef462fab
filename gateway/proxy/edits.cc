#include "gateway/proxy/edits.h"

#include <algorithm>

#include "gateway/proxy/field_match.h"

namespace sluice {
namespace {

// RFC 3986 2.3: what needs no escape anywhere.
bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(std::string_view text, std::string& out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

}  // namespace

void HeaderEdits::apply(Headers& headers) const {
  for (const std::string& name : remove)
    headers.remove(name);
  for (const auto& [name, value] : set)
    headers.set(name, value);
  for (const auto& [name, value] : add)
    headers.add(name, value);
}

std::string QueryEdits::apply(std::string_view query) const {
  if (query.starts_with('?')) query.remove_prefix(1);
  std::string out;
  std::string scratch;
  const auto separate = [&out] { out.push_back(out.empty() ? '?' : '&'); };
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::string_view name = decode_query_text(parameter.substr(0, parameter.find('=')), scratch);
    const bool replaced = std::ranges::any_of(set, [&](const auto& edit) { return edit.first == name; });
    if (replaced || std::ranges::find(remove, name) != remove.end()) continue;
    separate();
    out.append(parameter);
  }
  for (const auto& [name, value] : set) {
    separate();
    append_encoded(name, out);
    out.push_back('=');
    append_encoded(value, out);
  }
  return out;
}

std::string PathRewrite::apply(std::string_view path) const {
  const std::size_t cut = std::min(matched, path.size());
  std::string_view rest = path.substr(cut);
  if (rest.empty()) return replacement;
  const bool at_slash = rest.starts_with('/') || path.substr(0, cut).ends_with('/');
  std::string out = replacement;
  if (at_slash) {
    if (rest.starts_with('/')) rest.remove_prefix(1);
    if (!out.ends_with('/')) out.push_back('/');
  }
  return out.append(rest);
}

}  // namespace sluice
