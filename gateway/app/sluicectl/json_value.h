#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::ctl {

// A JSON text as a tree that keeps the members' order. A plain value for commands that print a few kilobytes.
struct JsonValue {
  enum class Kind {
    kNull,
    kBare,
    kText,
    kList,
    kObject
  };  // kBare: a number, true or false, as it is written

  Kind kind = Kind::kNull;
  std::string text = {};
  std::vector<JsonValue> items = {};
  std::vector<std::pair<std::string, JsonValue>> members = {};

  // nullopt for what is no JSON, or nested deeper than 1,024 levels.
  static std::optional<JsonValue> parse(std::string_view json);

  // A member; a null value where there is none.
  const JsonValue& operator[](std::string_view name) const;
  // For a cell of a table: texts and bare values as they are, null as nothing, lists joined by commas.
  std::string plain() const;
  double number() const;  // 0 for what is none
};

}  // namespace sluice::ctl
