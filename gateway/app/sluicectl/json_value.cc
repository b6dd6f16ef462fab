#include "gateway/app/sluicectl/json_value.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdlib>

namespace sluice::ctl {
namespace {

JsonValue to_value(simdjson::dom::element element) {
  using Type = simdjson::dom::element_type;
  JsonValue value;
  switch (element.type()) {
    case Type::OBJECT:
      value.kind = JsonValue::Kind::kObject;
      for (const auto& field : simdjson::dom::object(element))
        value.members.emplace_back(field.key, to_value(field.value));
      return value;
    case Type::ARRAY:
      value.kind = JsonValue::Kind::kList;
      for (const simdjson::dom::element item : simdjson::dom::array(element))
        value.items.push_back(to_value(item));
      return value;
    case Type::STRING:
      value.kind = JsonValue::Kind::kText;
      value.text = std::string_view(element);
      return value;
    case Type::NULL_VALUE:
      return value;
    default:
      value.kind = JsonValue::Kind::kBare;
      value.text = simdjson::minify(element);
      return value;
  }
}

}  // namespace

std::optional<JsonValue> JsonValue::parse(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) return std::nullopt;
  return to_value(root);
}

const JsonValue& JsonValue::operator[](std::string_view name) const {
  static const JsonValue kNone;
  const auto found = std::ranges::find(members, name, &std::pair<std::string, JsonValue>::first);
  return found == members.end() ? kNone : found->second;
}

std::string JsonValue::plain() const {
  if (kind != Kind::kList) return text;
  std::string out;
  for (const JsonValue& item : items)
    out.append(out.empty() ? "" : ", ").append(item.plain());
  return out;
}

double JsonValue::number() const {
  return kind == Kind::kBare ? std::strtod(text.c_str(), nullptr) : 0;
}

}  // namespace sluice::ctl
