#include "config/scalar_text.h"

#include <fmt/format.h>

#include <cstddef>

#include "config/units.h"

namespace sluice::config {

std::string number_text(const Type& type, std::int64_t number) {
  switch (type.kind) {
    case Type::Kind::kFlag:
      return number != 0 ? "true" : "false";
    case Type::Kind::kSize:
      return format_size(number);
    case Type::Kind::kDuration:
      return format_duration(number);
    case Type::Kind::kShare:
      return format_share(number);
    case Type::Kind::kChoice:
      return std::string(type.choices[static_cast<std::size_t>(number)]);
    default:
      return std::to_string(number);
  }
}

std::string scalar_text(const Type& type, const void* value) {
  if (type.kind == Type::Kind::kText) return *static_cast<const std::string*>(value);
  if (type.kind == Type::Kind::kAddress) return static_cast<const Address*>(value)->to_string();
  return number_text(type, type.get(value));
}

std::string quote_json(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace sluice::config
