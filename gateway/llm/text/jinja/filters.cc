#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "gateway/llm/text/jinja/builtins.h"
#include "gateway/llm/text/jinja/parser.h"
#include "gateway/llm/text/jinja/text_functions.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

using Filter = Value (*)(const Value&, const Arguments&);

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

std::string text_argument(const Arguments& arguments, std::size_t position, std::string_view name,
                          std::string_view otherwise) {
  const Value value = arguments.get(position, name);
  return value.is_undefined() ? std::string(otherwise) : to_text(value);
}

Value length(const Value& value, const Arguments&) {
  if (const std::string* text = value.text())
    return static_cast<std::int64_t>(text::count_code_points(*text));
  return static_cast<std::int64_t>(items_of(value).size());
}

Value trim(const Value& value, const Arguments& arguments) {
  const Value characters = arguments.get(0, "chars");
  if (characters.text()) return stripped(to_text(value), Side::kBoth, *characters.text());
  return stripped(to_text(value), Side::kBoth);
}

// Hugging Face's tojson, not Jinja's own: nothing is escaped for HTML and keys keep their order.
Value tojson(const Value& value, const Arguments& arguments) {
  JsonStyle style;
  if (const Value indent = arguments.get(1, "indent"); indent.integer()) {
    style.indent = static_cast<int>(std::clamp<std::int64_t>(*indent.integer(), 0, 16));
  }
  style.ascii = arguments.get(0, "ensure_ascii").truthy();
  style.sort_keys = arguments.get(3, "sort_keys").truthy();
  if (!arguments.get(2, "separators").is_undefined()) refuse("tojson: separators are not supported");
  return to_json(value, style);
}

Value default_value(const Value& value, const Arguments& arguments) {
  const bool missing = value.is_undefined() || (arguments.get(1, "boolean").truthy() && !value.truthy());
  if (!missing) return value;
  const Value otherwise = arguments.get(0, "default_value");
  return otherwise.is_undefined() ? Value("") : otherwise;
}

Value join(const Value& value, const Arguments& arguments) {
  const std::string separator = text_argument(arguments, 0, "d", "");
  const Value attribute = arguments.get(1, "attribute");
  std::string joined;
  bool first = true;
  for (const Value& item : items_of(value)) {
    if (!first) joined += separator;
    joined += to_text(attribute.text() ? attribute_of(item, *attribute.text()) : item);
    if (joined.size() / 64 > Value::kHeaviest) refuse("a text is too long");
    first = false;
  }
  return joined;
}

Value replace(const Value& value, const Arguments& arguments) {
  const Value count = arguments.get(2, "count");
  return replaced(to_text(value), text_argument(arguments, 0, "old", ""),
                  text_argument(arguments, 1, "new", ""), count.integer() ? *count.integer() : -1);
}

Value first(const Value& value, const Arguments&) {
  const List items = items_of(value);
  return items.empty() ? Value(Undefined{"first item"}) : items.front();
}

Value last(const Value& value, const Arguments&) {
  const List items = items_of(value);
  return items.empty() ? Value(Undefined{"last item"}) : items.back();
}

Value list(const Value& value, const Arguments&) {
  return items_of(value);
}

Value reverse(const Value& value, const Arguments&) {
  return slice_of(value.dict() ? Value(items_of(value)) : value, {}, {}, -1);
}

Value items(const Value& value, const Arguments& arguments) {
  if (value.is_undefined()) return List();
  return call_method(value, "items", arguments);
}

Value integer(const Value& value, const Arguments& arguments) {
  if (value.integer()) return value;
  if (value.is_number()) {
    if (!(std::abs(value.number()) < 9e18)) refuse("a number is too large");
    return static_cast<std::int64_t>(value.number());
  }
  const Value otherwise = arguments.get(0, "default");
  const std::string text = stripped(to_text(value), Side::kBoth);
  std::int64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && end.ec == std::errc() && end.ptr == text.data() + text.size()) return number;
  return otherwise.is_undefined() ? Value(0) : otherwise;
}

Value indent(const Value& value, const Arguments& arguments) {
  const Value width = arguments.get(0, "width");
  std::string by(4, ' ');
  if (width.integer())
    by = std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(*width.integer(), 0, 1000)), ' ');
  if (width.text()) by = *width.text();
  return indented(to_text(value), by, arguments.get(1, "first").truthy(), arguments.get(2, "blank").truthy());
}

// map('filter', …) or map(attribute='name').
Value map(const Value& value, const Arguments& arguments) {
  const Value attribute = arguments.get(static_cast<std::size_t>(-1), "attribute");
  List results;
  for (const Value& item : items_of(value)) {
    if (attribute.text()) {
      results.push_back(attribute_of(item, *attribute.text()));
    } else if (!arguments.values.empty() && arguments.values[0].text()) {
      results.push_back(
          apply_filter(*arguments.values[0].text(), item,
                       {{arguments.values.begin() + 1, arguments.values.end()}, arguments.named}));
    } else {
      refuse("map needs a filter's name or an attribute");
    }
  }
  return results;
}

// select/reject (by a test of the item) and selectattr/rejectattr (by a test of one of its attributes).
template <bool kAttribute, bool kKeep>
Value select(const Value& value, const Arguments& arguments) {
  std::size_t used = kAttribute ? 1 : 0;
  if (kAttribute && !arguments.get(0, "").text()) refuse("selectattr needs an attribute's name");
  const Value test = arguments.get(used, "");
  Arguments rest;
  if (test.text()) ++used;
  for (std::size_t i = used; i < arguments.values.size(); ++i)
    rest.values.push_back(arguments.values[i]);
  List results;
  for (const Value& item : items_of(value)) {
    const Value subject = kAttribute ? attribute_of(item, *arguments.values[0].text()) : item;
    const bool holds = test.text() ? apply_test(*test.text(), subject, rest) : subject.truthy();
    if (holds == kKeep) results.push_back(item);
  }
  return results;
}

Value as_text(const Value& value, const Arguments&) {
  return to_text(value);
}

template <std::string (*kFunction)(std::string_view)>
Value of_text(const Value& value, const Arguments&) {
  return kFunction(to_text(value));
}

constexpr auto kFilters = std::to_array<std::pair<std::string_view, Filter>>({
    {"capitalize", of_text<capitalized>},
    {"count", length},
    {"d", default_value},
    {"default", default_value},
    {"first", first},
    {"indent", indent},
    {"int", integer},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length},
    {"list", list},
    {"lower", of_text<lower>},
    {"map", map},
    {"reject", select<false, false>},
    {"rejectattr", select<true, false>},
    {"replace", replace},
    {"reverse", reverse},
    {"safe", as_text},  // nothing is ever escaped
    {"select", select<false, true>},
    {"selectattr", select<true, true>},
    {"string", as_text},
    {"title", of_text<titled>},
    {"tojson", tojson},
    {"trim", trim},
    {"upper", of_text<upper>},
});

constexpr auto kTests = std::to_array<std::string_view>(
    {"boolean", "callable", "defined", "divisibleby", "eq",       "equalto", "even",     "false",   "float",
     "ge",      "gt",       "in",      "integer",     "iterable", "le",      "lt",       "mapping", "ne",
     "none",    "number",   "odd",     "sequence",    "string",   "true",    "undefined"});

// select and its kin also take the symbols by name.
constexpr auto kComparisons = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"eq", "=="}, {"equalto", "=="}, {"ne", "!="}, {"lt", "<"}, {"le", "<="}, {"gt", ">"}, {"ge", ">="}});

std::int64_t whole(const Value& value) {
  if (!value.integer()) refuse(fmt::format("a {} is not an integer", value.type_name()));
  return *value.integer();
}

}  // namespace

bool is_known_filter(std::string_view name) {
  return std::ranges::find(kFilters, name, [](const auto& entry) { return entry.first; }) != kFilters.end();
}

bool is_known_test(std::string_view name) {
  return std::ranges::find(kTests, name) != kTests.end();
}

Value apply_filter(std::string_view name, const Value& value, const Arguments& arguments) {
  const auto found = std::ranges::find(kFilters, name, [](const auto& entry) { return entry.first; });
  if (found == kFilters.end()) refuse(fmt::format("the filter {} is not supported", name));
  return found->second(value, arguments);
}

bool apply_test(std::string_view name, const Value& value, const Arguments& arguments) {
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.text() != nullptr;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "sequence") return value.list() || value.dict() || value.text();
  if (name == "iterable") return value.list() || value.dict() || value.text() || value.is_undefined();
  if (name == "boolean") return value.boolean() != nullptr;
  if (name == "true") return value.boolean() && *value.boolean();
  if (name == "false") return value.boolean() && !*value.boolean();
  if (name == "number") return value.is_number();
  if (name == "integer") return value.integer() != nullptr;
  if (name == "float") return value.real() != nullptr;
  if (name == "callable") return value.function() != nullptr;
  if (name == "odd") return whole(value) % 2 != 0;
  if (name == "even") return whole(value) % 2 == 0;
  const Value argument = arguments.get(0, "");
  for (const auto& [word, symbol] : kComparisons) {
    if (name == word || name == symbol) return compare(symbol, value, argument);
  }
  if (name == "in") return contains(argument, value);
  if (name == "divisibleby") {
    if (whole(argument) == 0) refuse("division by zero");
    return whole(argument) == -1 || whole(value) % whole(argument) == 0;
  }
  refuse(fmt::format("the test {} is not supported", name));
}

}  // namespace sluice::jinja
