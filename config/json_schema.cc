#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/describe.h"
#include "config/documents.h"
#include "config/scalar_text.h"
#include "config/struct_walk.h"

namespace sluice::config {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kDurationPattern = R"(^[0-9]+(\.[0-9]{1,9})?(h|m|s|ms|us|ns)$)";
constexpr std::string_view kSizePattern = R"(^[0-9]+(\.[0-9]{1,9})?(GiB|MiB|KiB|GB|MB|kB|B)$)";

constexpr std::string_view kSharePattern = R"(^[0-9]+(\.[0-9]{1,9})?(%|ppm)$)";

std::string quantity_schema(std::string_view pattern) {
  return fmt::format(R"("anyOf": [{{"type": "string", "pattern": {}}}, {{"const": 0}}])",
                     quote_json(pattern));
}

std::string choice_schema(const Type& type) {
  std::string values;
  for (const std::string_view choice : type.choices) {
    values += fmt::format("{}{}", values.empty() ? "" : ", ", quote_json(choice));
  }
  return fmt::format(R"("enum": [{}])", values);
}

// The members of a schema object, without its braces.
std::string type_schema(const Type& type) {
  switch (type.kind) {
    case Kind::kFlag:
      return R"("type": "boolean")";
    case Kind::kCount:
      return fmt::format(R"("type": "integer", "minimum": {}, "maximum": {})", type.min, type.max);
    case Kind::kSize:
      return quantity_schema(kSizePattern);
    case Kind::kDuration:
      return quantity_schema(kDurationPattern);
    case Kind::kShare:
      return quantity_schema(kSharePattern);
    case Kind::kText:
      return fmt::format(R"("type": "string", "pattern": {})", quote_json(type.rule->pattern));
    case Kind::kChoice:
      return choice_schema(type);
    case Kind::kAddress:
      return R"("type": "string")";
    case Kind::kStruct:
      return fmt::format(R"("$ref": "#/$defs/{}")", type.record().name);
    case Kind::kList: {
      const std::string element = type_schema(*type.element);
      const std::string list =
          fmt::format(R"("type": "array", "items": {{{}}}, "minItems": {}, "maxItems": {})", element,
                      type.min_items, type.max_items);
      return type.one_or_many ? fmt::format(R"("anyOf": [{{{}}}, {{{}}}])", list, element) : list;
    }
    case Kind::kOptional:
      return type_schema(*type.element);
  }
  return "";
}

std::string default_schema(const Field& field, const Struct& record) {
  const Kind kind = field.type.kind;
  if (field.required || kind == Kind::kStruct || kind == Kind::kList || kind == Kind::kOptional) return "";
  const std::string text = scalar_text(field.type, field.member_of(record.defaults.get()));
  // A text without a default in the struct gets one from its place in the file.
  if (text.empty()) return "";
  return fmt::format(R"(, "default": {})",
                     kind == Kind::kFlag || kind == Kind::kCount ? text : quote_json(text));
}

std::string struct_schema(const Struct& record, std::string_view indent) {
  std::string properties;
  std::string required;
  for (const Field& field : record.fields) {
    properties += fmt::format("{}\n{}    {}: {{{}{}, \"description\": {}}}", properties.empty() ? "" : ",",
                              indent, quote_json(field.name), type_schema(field.type),
                              default_schema(field, record), quote_json(field.doc));
    if (field.required) required += fmt::format("{}{}", required.empty() ? "" : ", ", quote_json(field.name));
  }
  const std::string_view type = record.name == "Config" ? R"("object")" : R"(["object", "null"])";
  return fmt::format(
      "{0}  \"type\": {1},\n{0}  \"description\": {2},\n{0}  \"additionalProperties\": false,\n"
      "{0}  \"required\": [{3}],\n{0}  \"properties\": {{{4}\n{0}  }}\n",
      indent, type, quote_json(record.doc), required, properties);
}

}  // namespace

std::string json_schema() {
  const std::vector<WalkedStruct> all = walk_structs(config_struct());
  std::string definitions;
  for (const WalkedStruct& walked : all) {
    if (walked.record == &config_struct()) continue;
    definitions += fmt::format("{}    {}: {{\n{}    }}", definitions.empty() ? "" : ",\n",
                               quote_json(walked.record->name), struct_schema(*walked.record, "    "));
  }
  std::string root = struct_schema(config_struct(), "");
  root.pop_back();
  return fmt::format(
      "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": \"Sluice configuration\",\n{},\n  \"$defs\": {{\n{}\n  }}\n}}\n",
      root, definitions);
}

}  // namespace sluice::config
