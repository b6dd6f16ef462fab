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

constexpr auto kNamedOnly = static_cast<std::size_t>(-1);

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
  const Value separators = arguments.get(2, "separators");
  if (const List* two = separators.list(); two && two->size() == 2) {
    style.item_separator = to_text(two->front());
    style.key_separator = to_text(two->back());
    if (style.item_separator.size() + style.key_separator.size() > 16)
      refuse("tojson: a separator is too long");
  } else if (!separators.is_undefined() && !separators.is_none()) {
    refuse("tojson: separators are two strings");
  } else if (style.indent >= 0) {
    style.item_separator = ",";
  }
  return to_json(value, style);
}

// What 'a.b.0' names in a value.
Value at_path(Value value, std::string_view path) {
  for (bool more = true; more;) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    std::int64_t index = 0;
    const auto end = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_index = !name.empty() && end.ec == std::errc() && end.ptr == name.data() + name.size();
    value = is_index ? item_of(value, index) : item_of(value, std::string(name));
    more = dot != path.npos;
    if (more) path.remove_prefix(dot + 1);
  }
  return value;
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
    joined += to_text(attribute.text() ? at_path(item, *attribute.text()) : item);
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

Value real(const Value& value, const Arguments& arguments) {
  if (value.is_number()) return value.number();
  const std::string text = stripped(to_text(value), Side::kBoth);
  double number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (!text.empty() && end.ec == std::errc() && end.ptr == text.data() + text.size()) return number;
  const Value otherwise = arguments.get(0, "default");
  return otherwise.is_undefined() ? Value(0.0) : otherwise;
}

Value absolute(const Value& value, const Arguments&) {
  if (!value.is_number()) refuse(fmt::format("a {} has no absolute value", value.type_name()));
  if (value.real()) return std::abs(value.number());
  return compare("<", value, 0) ? arithmetic("-", 0, value) : arithmetic("+", value, 0);
}

// A float, to even as Python rounds.
Value rounded(const Value& value, const Arguments& arguments) {
  if (!value.is_number()) refuse(fmt::format("a {} cannot be rounded", value.type_name()));
  const Value precision = arguments.get(0, "precision");
  const Value method = arguments.get(1, "method");
  const double scale = std::pow(10.0, precision.integer() ? static_cast<double>(*precision.integer()) : 0.0);
  const double scaled = value.number() * scale;
  if (method.text() && *method.text() == "ceil") return std::ceil(scaled) / scale;
  if (method.text() && *method.text() == "floor") return std::floor(scaled) / scale;
  if (method.text() && *method.text() != "common") refuse("round: the method is common, ceil or floor");
  return std::nearbyint(scaled) / scale;
}

// By what sort and its kin compare: an attribute if one is named, without case unless that is asked for.
Value key_of(const Value& item, const Value& attribute, const Value& case_sensitive) {
  const Value key = attribute.text() ? at_path(item, *attribute.text()) : item;
  return key.text() && !case_sensitive.truthy() ? Value(lower(*key.text())) : key;
}

std::vector<std::pair<Value, Value>> keyed(const List& items, const Value& attribute,
                                           const Value& case_sensitive) {
  std::vector<std::pair<Value, Value>> result;
  for (const Value& item : items)
    result.emplace_back(key_of(item, attribute, case_sensitive), item);
  return result;
}

List sorted(const std::vector<std::pair<Value, Value>>& items, bool reverse) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    order[i] = i;
    if (std::isnan(items[i].first.number())) refuse("nan has no order");  // sorting by it would be undefined
  }
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    if (compare("<", items[reverse ? b : a].first, items[reverse ? a : b].first)) return true;
    return a < b && !compare("<", items[reverse ? a : b].first, items[reverse ? b : a].first);
  });
  List result;
  for (const std::size_t i : order)
    result.push_back(items[i].second);
  return result;
}

Value sort(const Value& value, const Arguments& arguments) {
  return sorted(keyed(items_of(value), arguments.get(2, "attribute"), arguments.get(1, "case_sensitive")),
                arguments.get(0, "reverse").truthy());
}

// The entries of a dictionary, in the order of their keys or values.
Value dictsort(const Value& value, const Arguments& arguments) {
  const Value by = arguments.get(1, "by");
  const bool by_value = by.text() && *by.text() == "value";
  std::vector<std::pair<Value, Value>> items;
  for (const Value& entry : items_of(call_method(value, "items", {}))) {
    items.emplace_back(key_of((*entry.list())[by_value ? 1 : 0], {}, arguments.get(0, "case_sensitive")),
                       entry);
  }
  return sorted(std::move(items), arguments.get(2, "reverse").truthy());
}

Value unique(const Value& value, const Arguments& arguments) {
  const auto items =
      keyed(items_of(value), arguments.get(1, "attribute"), arguments.get(0, "case_sensitive"));
  List kept;
  for (auto item = items.begin(); item != items.end(); ++item) {
    const auto same = [&](const auto& earlier) { return equal(earlier.first, item->first); };
    if (std::none_of(items.begin(), item, same)) kept.push_back(item->second);
  }
  return kept;
}

template <bool kLargest>
Value extreme(const Value& value, const Arguments& arguments) {
  const auto items =
      keyed(items_of(value), arguments.get(1, "attribute"), arguments.get(0, "case_sensitive"));
  if (items.empty()) return Undefined{"item of nothing"};
  const auto less = [](const auto& a, const auto& b) {
    return kLargest ? compare("<", b.first, a.first) : compare("<", a.first, b.first);
  };
  return std::ranges::min_element(items, less)->second;
}

Value sum(const Value& value, const Arguments& arguments) {
  const Value attribute = arguments.get(0, "attribute");
  const Value start = arguments.get(1, "start");
  Value total = start.is_undefined() ? Value(0) : start;
  for (const Value& item : items_of(value)) {
    const Value part = attribute.text() ? at_path(item, *attribute.text()) : item;
    if (!part.is_number()) refuse(fmt::format("a {} cannot be summed", part.type_name()));
    total = arithmetic("+", total, part);
  }
  return total;
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

// map('filter', …) or map(attribute='name', default=…).
Value map(const Value& value, const Arguments& arguments) {
  const Value attribute = arguments.get(kNamedOnly, "attribute");
  const Value otherwise = arguments.get(kNamedOnly, "default");
  List results;
  std::uint64_t weight = 0;
  for (const Value& item : items_of(value)) {
    if (attribute.text()) {
      Value found = at_path(item, *attribute.text());
      results.push_back(found.is_undefined() ? otherwise : std::move(found));
    } else if (!arguments.values.empty() && arguments.values[0].text()) {
      results.push_back(
          apply_filter(*arguments.values[0].text(), item,
                       {{arguments.values.begin() + 1, arguments.values.end()}, arguments.named}));
    } else {
      refuse("map needs a filter's name or an attribute");
    }
    weight += results.back().weight();
    if (weight > Value::kHeaviest) refuse("a value is too large");
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
    const Value subject = kAttribute ? at_path(item, *arguments.values[0].text()) : item;
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
    {"abs", absolute},
    {"capitalize", of_text<capitalized>},
    {"count", length},
    {"d", default_value},
    {"default", default_value},
    {"dictsort", dictsort},
    {"first", first},
    {"float", real},
    {"indent", indent},
    {"int", integer},
    {"items", items},
    {"join", join},
    {"last", last},
    {"length", length},
    {"list", list},
    {"lower", of_text<lower>},
    {"map", map},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", select<false, false>},
    {"rejectattr", select<true, false>},
    {"replace", replace},
    {"reverse", reverse},
    {"round", rounded},
    {"safe", as_text},  // nothing is ever escaped
    {"select", select<false, true>},
    {"selectattr", select<true, true>},
    {"sort", sort},
    {"string", as_text},
    {"sum", sum},
    {"title", of_text<titled_words>},
    {"tojson", tojson},
    {"trim", trim},
    {"unique", unique},
    {"upper", of_text<upper>},
});

// Whose cost does not depend on what they are given, that take it apart, and that do something to each item.
constexpr auto kCheap = std::to_array<std::string_view>({"d", "default", "abs", "float", "int", "round"});
constexpr auto kOverItems = std::to_array<std::string_view>(
    {"dictsort", "first", "join", "last", "list", "max", "min", "reverse", "sort", "sum"});
constexpr auto kForEach =
    std::to_array<std::string_view>({"map", "reject", "rejectattr", "select", "selectattr"});

constexpr auto kTests = std::to_array<std::string_view>(
    {"boolean",  "callable", "defined",     "divisibleby", "eq",        "equalto", "even",     "false",
     "float",    "ge",       "greaterthan", "gt",          "in",        "integer", "iterable", "le",
     "lessthan", "lower",    "lt",          "mapping",     "ne",        "none",    "number",   "odd",
     "sameas",   "sequence", "string",      "true",        "undefined", "upper"});

// select and its kin also take the symbols by name.
constexpr auto kComparisons =
    std::to_array<std::pair<std::string_view, std::string_view>>({{"eq", "=="},
                                                                  {"equalto", "=="},
                                                                  {"ne", "!="},
                                                                  {"lt", "<"},
                                                                  {"lessthan", "<"},
                                                                  {"le", "<="},
                                                                  {"gt", ">"},
                                                                  {"greaterthan", ">"},
                                                                  {"ge", ">="}});

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

std::uint64_t filter_cost(std::string_view name, const Value& value, const Arguments& arguments) {
  const auto is_one_of = [&](const auto& names) { return std::ranges::find(names, name) != names.end(); };
  const std::uint64_t given = arguments.weight();
  if (is_one_of(kCheap)) return given;
  // Each item is compared with all before it.
  if (name == "unique") return cost_of_items(value) * (count_of_items(value) + 1);
  if (is_one_of(kOverItems)) return cost_of_items(value) + given;
  if (is_one_of(kForEach)) return cost_of_items(value) + count_of_items(value) * (given + 1);
  return value.weight() + given;
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
  if (name == "lower") return is_lower(to_text(value));
  if (name == "upper") return is_upper(to_text(value));
  if (name == "odd") return whole(value) % 2 != 0;
  if (name == "even") return whole(value) % 2 == 0;
  const Value argument = arguments.get(0, "");
  for (const auto& [word, symbol] : kComparisons) {
    if (name == word || name == symbol) return compare(symbol, value, argument);
  }
  if (name == "in") return contains(argument, value);
  if (name == "sameas") return value.type_name() == argument.type_name() && equal(value, argument);
  if (name == "divisibleby") {
    if (whole(argument) == 0) refuse("division by zero");
    return whole(argument) == -1 || whole(value) % whole(argument) == 0;
  }
  refuse(fmt::format("the test {} is not supported", name));
}

}  // namespace sluice::jinja
