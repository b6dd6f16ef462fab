#include "gateway/proxy/field_match.h"

#include <algorithm>

namespace sluice {
namespace {

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view decode_query_text(std::string_view raw, std::string& scratch) {
  if (raw.find_first_of("%+") == std::string_view::npos) return raw;
  scratch.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const int high = raw[i] == '%' && i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(raw[i + 2]) : -1;
    if (low >= 0) {
      scratch.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      scratch.push_back(raw[i] == '+' ? ' ' : raw[i]);
    }
  }
  return scratch;
}

bool FieldMatch::matches_value(std::string_view text) const {
  switch (kind) {
    case Kind::kPresent:
    case Kind::kAbsent:
      return true;
    case Kind::kExact:
      return text == value;
    case Kind::kPrefix:
      return text.starts_with(value);
    case Kind::kRegex:
      return pattern->matches(text);
  }
  return false;
}

bool FieldMatch::matches_header(const Headers& headers) const {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (field.name.size() != name.size() || !equals_ignoring_case(field.name, name)) continue;
    if (kind == Kind::kAbsent) return false;
    if (matches_value(field.value)) return true;
  }
  return kind == Kind::kAbsent;
}

bool FieldMatch::matches_query(std::string_view query) const {
  if (query.starts_with('?')) query.remove_prefix(1);
  std::string name_scratch;
  std::string value_scratch;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    if (decode_query_text(parameter.substr(0, equals), name_scratch) != name) continue;
    if (kind == Kind::kAbsent) return false;
    const std::string_view raw = parameter.substr(std::min(equals + 1, parameter.size()));
    if (matches_value(decode_query_text(raw, value_scratch))) return true;
  }
  return kind == Kind::kAbsent;
}

}  // namespace sluice
