#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/llm/text/jinja/value.h"

namespace sluice::jinja {

// The arguments of a call, a filter or a test.
struct Arguments {
  std::vector<Value> values;
  std::vector<std::pair<std::string, Value>> named;

  // The argument at a position or of a name; undefined if neither is given.
  Value get(std::size_t position, std::string_view name) const;
  // Of all of them.
  std::uint64_t weight() const;
};

// All throw std::invalid_argument with a message for the template's author; the evaluator adds the line.

Value apply_filter(std::string_view name, const Value& value, const Arguments& arguments);
bool apply_test(std::string_view name, const Value& value, const Arguments& arguments);

// A method of a string or a dictionary.
Value call_method(const Value& object, std::string_view name, const Arguments& arguments);
bool has_method(const Value& object, std::string_view name);

// What taking a value apart into its items costs, in steps: each character of a string becomes a value.
std::uint64_t cost_of_items(const Value& value);
std::uint64_t count_of_items(const Value& value);  // no fewer than there are
// What a filter may cost beside the value that it makes.
std::uint64_t filter_cost(std::string_view name, const Value& value, const Arguments& arguments);

// What a loop or a filter goes over: a list's items, a dictionary's keys, a string's characters, nothing for
// undefined.
List items_of(const Value& value);

bool contains(const Value& container, const Value& value);
Value attribute_of(const Value& object, std::string_view name);
Value item_of(const Value& object, const Value& key);
Value slice_of(const Value& object, const Value& start, const Value& stop, const Value& step);
Value arithmetic(std::string_view symbol, const Value& left, const Value& right);
bool compare(std::string_view symbol, const Value& left, const Value& right);

}  // namespace sluice::jinja
