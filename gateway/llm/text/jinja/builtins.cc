#include "gateway/llm/text/jinja/builtins.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "gateway/llm/text/jinja/text_functions.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what);
}

std::string_view character_at(std::string_view text, std::size_t index) {
  std::size_t position = 0;
  for (; index > 0; --index)
    text::next_code_point(text, position);
  const std::size_t begin = position;
  text::next_code_point(text, position);
  return text.substr(begin, position - begin);
}

}  // namespace

Value Arguments::get(std::size_t position, std::string_view name) const {
  if (position < values.size()) return values[position];
  for (const auto& [key, value] : named) {
    if (key == name) return value;
  }
  return {};
}

std::uint64_t Arguments::weight() const {
  std::uint64_t sum = 0;
  for (const Value& value : values)
    sum += value.weight();
  for (const auto& [name, value] : named)
    sum += value.weight();
  return sum;
}

std::uint64_t count_of_items(const Value& value) {
  if (value.list()) return value.list()->size();
  if (value.dict()) return value.dict()->entries().size();
  return value.text() ? value.text()->size() : 0;
}

std::uint64_t cost_of_items(const Value& value) {
  return value.text() ? value.text()->size() : value.weight();
}

List items_of(const Value& value) {
  if (const List* list = value.list()) return *list;
  List items;
  if (const Dict* dict = value.dict()) {
    for (const auto& [key, item] : dict->entries())
      items.emplace_back(key);
  } else if (const std::string* text = value.text()) {
    if (text->size() > Value::kHeaviest) refuse("the text is too long to go over its characters");
    for (std::size_t position = 0; position < text->size();) {
      const std::size_t begin = position;
      text::next_code_point(*text, position);
      items.emplace_back(text->substr(begin, position - begin));
    }
  } else if (!value.is_undefined()) {
    refuse(fmt::format("a {} cannot be gone over", value.type_name()));
  }
  return items;
}

bool contains(const Value& container, const Value& value) {
  if (const std::string* text = container.text()) {
    if (!value.text()) refuse(fmt::format("a {} cannot be looked for in a string", value.type_name()));
    return find_text(*text, *value.text(), 0) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) return value.text() && dict->find(*value.text());
  return std::ranges::any_of(items_of(container), [&](const Value& item) { return equal(item, value); });
}

Value attribute_of(const Value& object, std::string_view name) {
  if (const Undefined* undefined = object.undefined())
    refuse(fmt::format("'{}' is undefined", undefined->name));
  if (has_method(object, name)) return Function{std::string(name)};
  const Dict* dict = object.names() ? &object.names()->values : object.dict();
  if (const Value* found = dict ? dict->find(name) : nullptr) return *found;
  return Undefined{std::string(name)};
}

Value item_of(const Value& object, const Value& key) {
  if (const Undefined* undefined = object.undefined())
    refuse(fmt::format("'{}' is undefined", undefined->name));
  if (const std::int64_t* index = key.integer()) {
    const std::string* text = object.text();
    const List* list = object.list();
    const auto size = static_cast<std::int64_t>(list   ? list->size()
                                                : text ? text::count_code_points(*text)
                                                       : std::size_t{0});
    const std::int64_t at = *index < 0 ? *index + size : *index;
    if (at >= 0 && at < size) {
      return text ? Value(character_at(*text, static_cast<std::size_t>(at)))
                  : (*list)[static_cast<std::size_t>(at)];
    }
    return Undefined{"item " + std::to_string(*index)};
  }
  if (!key.text()) return Undefined{"item"};
  const Dict* dict = object.names() ? &object.names()->values : object.dict();
  if (const Value* found = dict ? dict->find(*key.text()) : nullptr) return *found;
  return Undefined{*key.text()};
}

Value slice_of(const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (!object.text() && !object.list()) refuse(fmt::format("a {} cannot be sliced", object.type_name()));
  const auto part = [](const Value& value, std::int64_t otherwise) {
    if (value.is_undefined() || value.is_none()) return otherwise;
    if (!value.integer()) refuse("a slice's bounds must be integers");
    return *value.integer();
  };
  const List items = items_of(object);
  const auto size = static_cast<std::int64_t>(items.size());
  const std::int64_t stride = part(step, 1);
  if (stride == 0) refuse("a slice's step cannot be zero");
  const auto bound = [&](const Value& value, std::int64_t otherwise) {
    std::int64_t at = part(value, otherwise);
    if (value.integer() && at < 0) at += size;
    return stride > 0 ? std::clamp<std::int64_t>(at, 0, size) : std::clamp<std::int64_t>(at, -1, size - 1);
  };
  const std::int64_t first = bound(start, stride > 0 ? 0 : size - 1);
  const std::int64_t last = bound(stop, stride > 0 ? size : -1);
  List result;
  // Written without `at += stride` past the end: a huge step must not overflow.
  for (std::int64_t at = first; stride > 0 ? at < last : at > last;) {
    result.push_back(items[static_cast<std::size_t>(at)]);
    if (stride > 0 ? stride >= last - at : stride <= last - at) break;
    at += stride;
  }
  if (!object.text()) return result;
  std::string joined;
  for (const Value& item : result)
    joined += *item.text();
  return joined;
}

namespace {

Value integer_arithmetic(std::string_view symbol, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  if (symbol == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (symbol == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (symbol == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else {
    if (b == 0) refuse("division by zero");
    if (symbol == "/") return static_cast<double>(a) / static_cast<double>(b);
    if (b == -1) {  // the one quotient that does not fit, and it has no remainder
      overflow = symbol == "//" && __builtin_sub_overflow(std::int64_t{0}, a, &result);
    } else {
      // Python rounds towards minus infinity, and a remainder has the divisor's sign.
      const std::int64_t remainder = a % b;
      const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
      result = symbol == "%" ? remainder + (adjust ? b : 0) : a / b - (adjust ? 1 : 0);
    }
  }
  if (overflow) refuse("a number is too large");
  return result;
}

Value real_arithmetic(std::string_view symbol, double a, double b) {
  if (symbol == "+") return a + b;
  if (symbol == "-") return a - b;
  if (symbol == "*") return a * b;
  if (b == 0) refuse("division by zero");
  if (symbol == "/") return a / b;
  if (symbol == "//") return std::floor(a / b);
  return a - b * std::floor(a / b);
}

Value repeated(const std::string& text, std::int64_t times) {
  if (times > 0 && text.size() > Value::kHeaviest / static_cast<std::size_t>(times))
    refuse("a text is too long");
  std::string result;
  for (std::int64_t i = 0; i < times; ++i)
    result += text;
  return result;
}

}  // namespace

Value arithmetic(std::string_view symbol, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (const Undefined* undefined = side->undefined(); undefined && symbol != "~") {
      refuse(fmt::format("'{}' is undefined", undefined->name));
    }
  }
  if (symbol == "~") return to_text(left) + to_text(right);
  if (symbol == "+" && left.text() && right.text()) return *left.text() + *right.text();
  if (symbol == "+" && left.list() && right.list()) {
    List joined = *left.list();
    joined.insert(joined.end(), right.list()->begin(), right.list()->end());
    return joined;
  }
  if (symbol == "*" && left.text() && right.integer()) return repeated(*left.text(), *right.integer());
  if (!left.is_number() || !right.is_number()) {
    refuse(fmt::format("unsupported operand types for {}: {} and {}", symbol, left.type_name(),
                       right.type_name()));
  }
  if (left.real() || right.real()) return real_arithmetic(symbol, left.number(), right.number());
  const auto whole = [](const Value& value) {
    return value.integer() ? *value.integer() : static_cast<std::int64_t>(*value.boolean());
  };
  return integer_arithmetic(symbol, whole(left), whole(right));
}

bool compare(std::string_view symbol, const Value& left, const Value& right) {
  if (symbol == "==") return equal(left, right);
  if (symbol == "!=") return !equal(left, right);
  if (symbol == "in") return contains(right, left);
  if (symbol == "not in") return !contains(right, left);
  std::partial_ordering order = std::partial_ordering::unordered;
  if (left.is_number() && right.is_number()) {
    order = left.integer() && right.integer() ? *left.integer() <=> *right.integer()
                                              : left.number() <=> right.number();
  } else if (left.text() && right.text()) {
    order = *left.text() <=> *right.text();
  } else {
    refuse(fmt::format("a {} and a {} have no order", left.type_name(), right.type_name()));
  }
  if (symbol == "<") return order < 0;
  if (symbol == "<=") return order <= 0;
  if (symbol == ">") return order > 0;
  return order >= 0;
}

}  // namespace sluice::jinja
