#include "config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <expected>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/suggest.h"
#include "config/units.h"

namespace sluice::config {
namespace {

using Kind = Type::Kind;
using Outcome = std::expected<void, std::string>;

std::string_view noun(Kind kind) {
  switch (kind) {
    case Kind::kFlag:
      return "true or false";
    case Kind::kCount:
      return "a number";
    case Kind::kSize:
      return "a size";
    case Kind::kDuration:
      return "a duration";
    case Kind::kShare:
      return "a share";
    case Kind::kText:
    case Kind::kChoice:
      return "a text";
    case Kind::kAddress:
      return "an address";
    case Kind::kStruct:
      return "a mapping";
    case Kind::kList:
      return "a list";
    case Kind::kOptional:
      break;
  }
  return "a value";
}

std::string shape(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return in_quotes(node.text);
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a mapping";
  }
  return "";
}

std::string format_number(const Type& type, std::int64_t number) {
  if (type.kind == Kind::kDuration) return format_duration(number);
  if (type.kind == Kind::kSize) return format_size(number);
  if (type.kind == Kind::kShare) return format_share(number);
  return std::to_string(number);
}

std::expected<std::int64_t, std::string> parse_number(const Type& type, const Node& node) {
  if (type.kind == Kind::kDuration) return parse_duration(node.text);
  if (type.kind == Kind::kSize) return parse_size(node.text);
  if (type.kind == Kind::kShare) return parse_share(node.text);
  if (node.quoted) return std::unexpected("is a text; write the number without quotes");
  return parse_count(node.text);
}

Outcome read_number(const Type& type, const Node& node, void* out) {
  const auto number = parse_number(type, node);
  if (!number) return std::unexpected(number.error());
  if (*number < type.min || *number > type.max) {
    const std::string bounds =
        type.min == type.max
            ? format_number(type, type.min)
            : fmt::format("from {} to {}", format_number(type, type.min), format_number(type, type.max));
    return std::unexpected(fmt::format("must be {}, got {}", bounds, node.text));
  }
  type.set(out, *number);
  return {};
}

// Only what YAML 1.2 calls a boolean: `yes` and `on` mean a text to some tools and a boolean to others.
Outcome read_flag(const Type& type, const Node& node, void* out) {
  if (node.quoted || (node.text != "true" && node.text != "false")) {
    return std::unexpected(fmt::format("must be true or false, got {}", in_quotes(node.text)));
  }
  type.set(out, node.text == "true" ? 1 : 0);
  return {};
}

Outcome read_choice(const Type& type, const Node& node, void* out) {
  const auto found = std::ranges::find(type.choices, node.text);
  if (found == type.choices.end()) {
    const auto meant = suggest(node.text, type.choices);
    return std::unexpected(fmt::format("must be one of {}, got {}{}", fmt::join(type.choices, ", "),
                                       in_quotes(node.text),
                                       meant ? fmt::format("; did you mean {}?", *meant) : ""));
  }
  type.set(out, found - type.choices.begin());
  return {};
}

Outcome read_text(const Type& type, const Node& node, void* out) {
  if (!kAnyText.accepts(node.text) || !type.rule->accepts(node.text)) {
    return std::unexpected(fmt::format("{}, got {}", type.rule->requirement, in_quotes(node.text)));
  }
  *static_cast<std::string*>(out) = node.text;
  return {};
}

Outcome read_address(const Node& node, void* out) {
  Result<Address> address = parse_address(node.text);
  if (!address)
    return std::unexpected(fmt::format("{}, got {}", address.error().detail(), in_quotes(node.text)));
  *static_cast<Address*>(out) = *std::move(address);
  return {};
}

Outcome read_scalar(const Type& type, const Node& node, void* out) {
  switch (type.kind) {
    case Kind::kFlag:
      return read_flag(type, node, out);
    case Kind::kChoice:
      return read_choice(type, node, out);
    case Kind::kText:
      return read_text(type, node, out);
    case Kind::kAddress:
      return read_address(node, out);
    default:
      return read_number(type, node, out);
  }
}

class Reader {
 public:
  Reader(Problems& problems, const void* root) : problems_(problems), root_(root) {}

  void read(const Type& type, const Node& node, const std::string& path, void* out) {
    problems_.place(path, node.position);
    if (!node.refusal.empty()) return fail(node, path, std::string(node.refusal));
    switch (type.kind) {
      case Kind::kStruct:
        return read_struct(type.record(), node, path, out);
      case Kind::kList:
        return read_list(type, node, path, out);
      case Kind::kOptional:
        return read(*type.element, node, path, type.append(out));
      default:
        break;
    }
    if (node.kind != Node::Kind::kScalar) {
      return fail(node, path, fmt::format("expected {}, got {}", noun(type.kind), shape(node)));
    }
    const Outcome outcome = read_scalar(type, node, out);
    if (!outcome) fail(node, path, outcome.error());
  }

  // A section with nothing below it, perhaps because everything in it is commented out, has its defaults.
  void read_struct(const Struct& record, const Node& node, const std::string& path, void* out) {
    if (node.kind != Node::Kind::kMap && node.kind != Node::Kind::kNull) {
      if (record.names_secret) {
        problems_.conceal_line(node.position.line);
        return fail(node, path,
                    fmt::format("expected a mapping with {}: the secret itself does not stand in this file",
                                key_list(record)));
      }
      return fail(node, path,
                  fmt::format("expected a mapping with {}, got {}", key_list(record), shape(node)));
    }
    std::set<std::string_view> seen;
    if (record.inherit) record.inherit(out, root_);
    for (const bool first : {true, false}) {
      for (const Node::Entry& entry : node.entries) {
        if (is_first(record, entry) == first) read_entry(record, entry, path, out, seen);
      }
    }
    for (const Field& field : record.fields) {
      const std::string field_path = join_path(path, field.name);
      if (!field.required || seen.contains(field.name) || problems_.failed(field_path)) continue;
      problems_.misread(node.position, field_path, "is required");
    }
    const Scope scope(problems_, path);
    for (const auto& check : record.checks)
      check(out, scope);
  }

 private:
  void fail(const Node& node, const std::string& path, std::string message) {
    problems_.misread(node.position, path, std::move(message));
  }

  static std::string key_list(const Struct& record) {
    std::vector<std::string_view> names;
    for (const Field& field : record.fields)
      names.push_back(field.name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  static bool is_first(const Struct& record, const Node::Entry& entry) {
    const auto field = std::ranges::find(record.fields, entry.key.text, &Field::name);
    return field != record.fields.end() && field->first;
  }

  void read_entry(const Struct& record, const Node::Entry& entry, const std::string& path, void* out,
                  std::set<std::string_view>& seen) {
    const Node& key = entry.key;
    if (!key.refusal.empty()) return problems_.error_at(key.position, path, std::string(key.refusal));
    if (key.kind != Node::Kind::kScalar) {
      return problems_.error_at(key.position, path, fmt::format("a key must be a word, got {}", shape(key)));
    }
    const auto field = std::ranges::find(record.fields, key.text, &Field::name);
    if (field == record.fields.end()) return report_unknown(record, key, path);
    const std::string field_path = join_path(path, field->name);
    if (!seen.insert(field->name).second) {
      return fail(
          key, field_path,
          fmt::format("is given twice, first in line {}; keep one of them", problems_.find(field_path).line));
    }
    read(field->type, entry.value, field_path, field->member(out));
  }

  void report_unknown(const Struct& record, const Node& key, const std::string& path) {
    std::vector<std::string_view> names;
    for (const Field& field : record.fields)
      names.push_back(field.name);
    const auto meant = suggest(key.text, names);
    const std::string hint =
        meant ? fmt::format("did you mean {}?", *meant) : "known here: " + key_list(record);
    problems_.error_at(key.position, path, fmt::format("unknown key {}; {}", in_quotes(key.text), hint));
    // Whoever misspells a required key need not be told that it is missing.
    if (meant) problems_.mark_failed(join_path(path, *meant));
  }

  void read_list(const Type& type, const Node& node, const std::string& path, void* out) {
    if (type.one_or_many && node.kind == Node::Kind::kScalar)
      return read(*type.element, node, path, type.append(out));
    if (node.kind != Node::Kind::kList) {
      return fail(node, path, fmt::format("expected a list, got {}", shape(node)));
    }
    if (node.items.size() < type.min_items || node.items.size() > type.max_items) {
      return fail(
          node, path,
          fmt::format("needs {} to {} items, got {}", type.min_items, type.max_items, node.items.size()));
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      read(*type.element, node.items[i], index_path(path, i), type.append(out));
    }
  }

  Problems& problems_;
  const void* root_;
};

}  // namespace

void read_document(const Struct& record, const Node& document, void* object, Problems& problems) {
  problems.place("", document.position);
  if (!document.refusal.empty()) {
    problems.misread(document.position, "", std::string(document.refusal));
  } else {
    Reader(problems, object).read_struct(record, document, "", object);
  }
}

}  // namespace sluice::config
