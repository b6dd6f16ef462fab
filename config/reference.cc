#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "config/describe.h"
#include "config/documents.h"
#include "config/scalar_text.h"
#include "config/struct_walk.h"

namespace sluice::config {
namespace {

using Kind = Type::Kind;

constexpr std::string_view kIntroduction = R"(# Configuration reference

<!-- Made by sluice-config-reference from config/describe.cc. Do not edit. -->

A configuration is one YAML file. It needs `version`, `listeners`, `clusters` and `routes`; everything else has the
default given here. Start from [`examples/minimal.yaml`](examples/minimal.yaml).

- A **duration** is a number and a unit, `h`, `m`, `s`, `ms`, `us` or `ns`: `250ms`, `1.5s`, `10m`.
- A **size** is a number of bytes and a unit, `B`, `KiB`, `MiB`, `GiB` (powers of 1024), `kB`, `MB` or `GB` (powers of
  1000): `512B`, `16MiB`.
- An **address** is `HOST:PORT` or `unix:PATH`. An IPv6 address stands in brackets and, because YAML takes a bracket for
  a list, in quotes: `"[::]:8443"`.
- Ranges are inclusive. Plain `0` needs no unit.
- Unknown and repeated keys, YAML anchors, aliases, merge keys and tags are errors. A file has at most 1 MiB.
)";

std::string type_name(const Type& type) {
  switch (type.kind) {
    case Kind::kFlag:
      return "`true` or `false`";
    case Kind::kCount:
      return "number";
    case Kind::kSize:
      return "size";
    case Kind::kDuration:
      return "duration";
    case Kind::kShare:
      return "share";
    case Kind::kText:
      return "text";
    case Kind::kChoice: {
      std::string out;
      for (const std::string_view choice : type.choices)
        out += fmt::format("{}`{}`", out.empty() ? "" : ", ", choice);
      return out;
    }
    case Kind::kAddress:
      return "address";
    case Kind::kStruct:
      return "mapping";
    case Kind::kList:
      return fmt::format("{}list of {}s", type.one_or_many ? type_name(*type.element) + " or " : "",
                         type_name(*type.element));
    case Kind::kOptional:
      return type_name(*type.element);
  }
  return "";
}

// What may stand in the column: the range of a number, the number of a list's items.
std::string range_text(const Type& type) {
  switch (type.kind) {
    case Kind::kCount:
    case Kind::kSize:
    case Kind::kDuration:
    case Kind::kShare:
      if (type.min == type.max) return number_text(type, type.min);
      return fmt::format("{} to {}", number_text(type, type.min), number_text(type, type.max));
    case Kind::kList:
      return fmt::format("{} to {} items", type.min_items, type.max_items);
    case Kind::kOptional:
      return range_text(*type.element);
    default:
      return "";
  }
}

std::string default_text(const Field& field, const Struct& record) {
  if (field.required) return "**required**";
  if (field.type.kind == Kind::kStruct || field.type.element) return "";
  const std::string text = scalar_text(field.type, field.member_of(record.defaults.get()));
  return text.empty() ? "" : fmt::format("`{}`", text);
}

const Struct* struct_below(const Field& field) {
  const Type* type = &field.type;
  while (type->element)
    type = type->element.get();
  return type->kind == Kind::kStruct ? &type->record() : nullptr;
}

std::string heading_of(const WalkedStruct& walked) {
  return walked.path.empty() ? "Top level" : walked.path;
}

// As GitHub makes them from headings: lower case, punctuation left out, blanks as dashes.
std::string anchor_of(std::string_view heading) {
  std::string out;
  for (const char c : heading) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
      out += c;
    } else if (c == ' ' || c == '-') {
      out += '-';
    }
  }
  return out;
}

std::string key_cell(const Field& field, const std::vector<WalkedStruct>& all) {
  const Struct* below = struct_below(field);
  if (!below) return fmt::format("`{}`", field.name);
  const auto walked = std::ranges::find(all, below, &WalkedStruct::record);
  return fmt::format("[`{}`](#{})", field.name, anchor_of(heading_of(*walked)));
}

}  // namespace

std::string reference_markdown() {
  const std::vector<WalkedStruct> all = walk_structs(config_struct());
  std::string out(kIntroduction);
  for (const WalkedStruct& walked : all) {
    out += fmt::format("\n## {}\n\n{}\n\n| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n",
                       heading_of(walked), walked.record->doc);
    for (const Field& field : walked.record->fields) {
      out += fmt::format("| {} | {} | {} | {} | {} |\n", key_cell(field, all), type_name(field.type),
                         default_text(field, *walked.record), range_text(field.type), field.doc);
    }
  }
  return out;
}

}  // namespace sluice::config
