#include "config/difference.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "config/describe.h"
#include "config/scalar_text.h"

namespace sluice::config {
namespace {

using Kind = Type::Kind;

std::string text_of(const Type& type, const void* value);

// `{name: "models", weight: 2}`: what differs from the defaults.
std::string struct_text(const Struct& record, const void* object) {
  std::string out;
  for (const Field& field : record.fields) {
    std::string text = text_of(field.type, field.member_of(object));
    if (text == text_of(field.type, field.member_of(record.defaults.get()))) continue;
    out.append(out.empty() ? "{" : ", ").append(field.name).append(": ").append(text);
  }
  return out.empty() ? "{}" : out + "}";
}

std::string text_of(const Type& type, const void* value) {
  if (type.kind == Kind::kStruct) return struct_text(type.record(), value);
  if (type.kind == Kind::kOptional)
    return type.size(value) == 0 ? "" : text_of(*type.element, type.at(value, 0));
  if (type.kind == Kind::kList) {
    std::string out = "[";
    for (std::size_t i = 0; i < type.size(value); ++i)
      out.append(i > 0 ? ", " : "").append(text_of(*type.element, type.at(value, i)));
    return out + "]";
  }
  std::string text = scalar_text(type, value);
  return type.kind == Kind::kText ? quote_json(text) : text;
}

// What tells an item of a list from the others: its name, else its address; empty if it has neither.
std::string identity(const Struct& record, const void* item) {
  for (const std::string_view key : {"name", "address"}) {
    const auto field = std::ranges::find(record.fields, key, &Field::name);
    if (field == record.fields.end()) continue;
    const Type* type = &field->type;
    const void* value = field->member_of(item);
    if (type->kind == Kind::kOptional) {
      if (type->size(value) == 0) continue;
      value = type->at(value, 0);
      type = type->element.get();
    }
    if (std::string text = scalar_text(*type, value); !text.empty()) return text;
  }
  return {};
}

// The items' identities; their places instead if an identity is missing or there twice.
std::vector<std::string> identities(const Type& list, const void* value) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < list.size(value); ++i)
    out.push_back(identity(list.element->record(), list.at(value, i)));
  std::vector<std::string> sorted = out;
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end() || std::ranges::find(sorted, "") != sorted.end()) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = std::to_string(i);
  }
  return out;
}

class Comparison {
 public:
  std::vector<Change> take() && { return std::move(changes_); }

  void compare_structs(const Struct& record, const void* before, const void* after, const std::string& path) {
    for (const Field& field : record.fields) {
      compare(field.type, field.member_of(before), field.member_of(after),
              path.empty() ? std::string(field.name) : path + "." + std::string(field.name));
    }
    for (const Content& content : record.contents) {
      const std::string was = content.fingerprint(before);
      const std::string is = content.fingerprint(after);
      if (was == is || was.empty() || is.empty()) continue;
      changes_.push_back(
          {path + "." + std::string(content.field) + " (content)", "sha256:" + was, "sha256:" + is});
    }
  }

 private:
  void compare(const Type& type, const void* before, const void* after, const std::string& path) {
    if (type.kind == Kind::kStruct) return compare_structs(type.record(), before, after, path);
    if (type.kind == Kind::kList && type.element->kind == Kind::kStruct)
      return compare_lists(type, before, after, path);
    if (type.kind == Kind::kOptional) return compare_optionals(type, before, after, path);
    std::string was = text_of(type, before);
    std::string is = text_of(type, after);
    if (was != is) changes_.push_back({path, std::move(was), std::move(is)});
  }

  void compare_optionals(const Type& type, const void* before, const void* after, const std::string& path) {
    const bool was = type.size(before) > 0;
    const bool is = type.size(after) > 0;
    if (was && is) return compare(*type.element, type.at(before, 0), type.at(after, 0), path);
    if (was) changes_.push_back({.path = path, .before = text_of(type, before)});
    if (is) changes_.push_back({.path = path, .after = text_of(type, after)});
  }

  void compare_lists(const Type& type, const void* before, const void* after, const std::string& path) {
    const std::vector<std::string> was = identities(type, before);
    const std::vector<std::string> is = identities(type, after);
    std::vector<std::string> stayed_before;
    for (std::size_t i = 0; i < was.size(); ++i) {
      const std::string item = item_path(path, was[i]);
      const auto match = std::ranges::find(is, was[i]);
      if (match == is.end()) {
        changes_.push_back({.path = item, .before = text_of(*type.element, type.at(before, i))});
        continue;
      }
      stayed_before.push_back(was[i]);
      compare(*type.element, type.at(before, i), type.at(after, static_cast<std::size_t>(match - is.begin())),
              item);
    }
    std::vector<std::string> stayed_after;
    for (std::size_t i = 0; i < is.size(); ++i) {
      if (std::ranges::find(was, is[i]) != was.end()) {
        stayed_after.push_back(is[i]);
      } else {
        changes_.push_back(
            {.path = item_path(path, is[i]), .after = text_of(*type.element, type.at(after, i))});
      }
    }
    // A route's place decides which requests it gets.
    if (stayed_before != stayed_after)
      changes_.push_back({path, in_brackets(stayed_before), in_brackets(stayed_after)});
  }

  static std::string item_path(const std::string& list, const std::string& identity) {
    // A route without a name is called `routes[3]`, which is its path already.
    return identity.starts_with(list + "[") ? identity : list + "[" + identity + "]";
  }

  static std::string in_brackets(const std::vector<std::string>& names) {
    std::string out = "[";
    for (std::size_t i = 0; i < names.size(); ++i)
      out.append(i > 0 ? ", " : "").append(names[i]);
    return out + "]";
  }

  std::vector<Change> changes_;
};

}  // namespace

std::vector<Change> difference(const Config& before, const Config& after) {
  Comparison comparison;
  comparison.compare_structs(config_struct(), &before, &after, "");
  return std::move(comparison).take();
}

}  // namespace sluice::config
