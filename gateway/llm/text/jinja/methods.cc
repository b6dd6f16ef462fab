#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "gateway/llm/text/jinja/builtins.h"
#include "gateway/llm/text/jinja/text_functions.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

constexpr auto kDictMethods = std::to_array<std::string_view>({"get", "items", "keys", "values"});
constexpr auto kTextMethods = std::to_array<std::string_view>(
    {"capitalize", "count", "endswith", "find", "isdigit", "join", "lower", "lstrip", "removeprefix",
     "removesuffix", "replace", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"});

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

const std::string& text_argument(const Arguments& arguments, std::size_t position, std::string_view method) {
  if (position >= arguments.values.size() || !arguments.values[position].text()) {
    refuse(fmt::format("{} needs a string", method));
  }
  return *arguments.values[position].text();
}

Value strip(const std::string& text, Side side, const Arguments& arguments) {
  const Value characters = arguments.get(0, "chars");
  return characters.text() ? stripped(text, side, *characters.text()) : stripped(text, side);
}

List to_list(std::vector<std::string> parts) {
  List list;
  for (std::string& part : parts)
    list.emplace_back(std::move(part));
  return list;
}

Value split(const std::string& text, const Arguments& arguments) {
  const Value separator = arguments.get(0, "sep");
  const Value most = arguments.get(1, "maxsplit");
  const std::int64_t limit = most.integer() ? *most.integer() : -1;
  return to_list(separator.text() ? split_at(text, *separator.text(), limit) : split_at_spaces(text, limit));
}

// startswith and endswith take one string or several.
template <class Matches>
bool any_affix(const Arguments& arguments, std::string_view method, Matches matches) {
  if (!arguments.values.empty() && arguments.values[0].list()) {
    return std::ranges::any_of(*arguments.values[0].list(),
                               [&](const Value& affix) { return affix.text() && matches(*affix.text()); });
  }
  return matches(text_argument(arguments, 0, method));
}

Value find(const std::string& text, const std::string& part) {
  const std::size_t at = text.find(part);
  if (at == text.npos) return -1;
  return static_cast<std::int64_t>(text::count_code_points(std::string_view(text).substr(0, at)));
}

std::int64_t occurrences(const std::string& text, const std::string& part) {
  if (part.empty()) return static_cast<std::int64_t>(text::count_code_points(text)) + 1;
  std::int64_t count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

Value text_method(const std::string& text, std::string_view name, const Arguments& arguments) {
  const std::string_view view = text;
  if (name == "strip") return strip(text, Side::kBoth, arguments);
  if (name == "lstrip") return strip(text, Side::kLeft, arguments);
  if (name == "rstrip") return strip(text, Side::kRight, arguments);
  if (name == "split") return split(text, arguments);
  if (name == "upper") return upper(text);
  if (name == "lower") return lower(text);
  if (name == "capitalize") return capitalized(text);
  if (name == "title") return titled(text);
  if (name == "startswith") {
    return any_affix(arguments, name, [&](const std::string& affix) { return view.starts_with(affix); });
  }
  if (name == "endswith") {
    return any_affix(arguments, name, [&](const std::string& affix) { return view.ends_with(affix); });
  }
  if (name == "replace") {
    const Value most = arguments.get(2, "count");
    return replaced(text, text_argument(arguments, 0, name), text_argument(arguments, 1, name),
                    most.integer() ? *most.integer() : -1);
  }
  if (name == "join") return apply_filter("join", arguments.get(0, ""), {{Value(text)}, {}});
  if (name == "find") return find(text, text_argument(arguments, 0, name));
  if (name == "count") return occurrences(text, text_argument(arguments, 0, name));
  if (name == "removeprefix") {
    const std::string& prefix = text_argument(arguments, 0, name);
    return view.starts_with(prefix) ? view.substr(prefix.size()) : view;
  }
  if (name == "removesuffix") {
    const std::string& suffix = text_argument(arguments, 0, name);
    return view.ends_with(suffix) ? view.substr(0, view.size() - suffix.size()) : view;
  }
  if (name == "splitlines") {
    if (text.empty()) return List();
    return to_list(split_at(view.ends_with('\n') ? view.substr(0, view.size() - 1) : view, "\n", -1));
  }
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });  // isdigit
}

Value dict_method(const Dict& dict, std::string_view name, const Arguments& arguments) {
  if (name == "get") {
    const Value key = arguments.get(0, "key");
    const Value* found = key.text() ? dict.find(*key.text()) : nullptr;
    if (found) return *found;
    const Value otherwise = arguments.get(1, "default");
    return otherwise.is_undefined() ? Value(nullptr) : otherwise;
  }
  List list;
  for (const auto& [key, value] : dict.entries()) {
    if (name == "keys") {
      list.emplace_back(key);
    } else if (name == "values") {
      list.push_back(value);
    } else {
      list.emplace_back(List{Value(key), value});
    }
  }
  return list;
}

}  // namespace

bool has_method(const Value& object, std::string_view name) {
  if (object.text()) return std::ranges::find(kTextMethods, name) != kTextMethods.end();
  return object.dict() && std::ranges::find(kDictMethods, name) != kDictMethods.end();
}

Value call_method(const Value& object, std::string_view name, const Arguments& arguments) {
  if (has_method(object, name)) {
    return object.text() ? text_method(*object.text(), name, arguments)
                         : dict_method(*object.dict(), name, arguments);
  }
  if (const Undefined* undefined = object.undefined())
    refuse(fmt::format("'{}' is undefined", undefined->name));
  refuse(fmt::format("a {} has no method {}", object.type_name(), name));
}

}  // namespace sluice::jinja
