#include "gateway/llm/text/jinja/value_json.h"

#include <simdjson.h>

#include <stdexcept>

namespace sluice::jinja {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

Value convert(element json) {
  switch (json.type()) {
    case element_type::NULL_VALUE:
      return nullptr;
    case element_type::BOOL:
      return json.get_bool().value_unsafe();
    case element_type::INT64:
      return json.get_int64().value_unsafe();
    case element_type::UINT64:
      return static_cast<double>(json.get_uint64().value_unsafe());
    case element_type::DOUBLE:
      return json.get_double().value_unsafe();
    case element_type::STRING:
      return json.get_string().value_unsafe();
    case element_type::ARRAY: {
      List list;
      for (const element item : json.get_array().value_unsafe())
        list.push_back(convert(item));
      return list;
    }
    case element_type::OBJECT: {
      Dict dict;
      for (const auto& [key, item] : json.get_object().value_unsafe())
        dict.set(std::string(key), convert(item));
      return dict;
    }
  }
  return {};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The text with its long integers written as reals. The parser knows integers of 64 bits only, JSON knows
// any.
std::string with_long_integers_as_reals(std::string_view json) {
  constexpr std::size_t kLong = 19;  // digits of the largest 64-bit integer
  std::string text;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    text += json[i];
    if (in_string && json[i] == '\\' && i + 1 < json.size()) {
      text += json[++i];
    } else if (json[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && is_digit(json[i])) {
      const std::size_t begin = i;
      while (i + 1 < json.size() && is_digit(json[i + 1]))
        text += json[++i];
      const char next = i + 1 < json.size() ? json[i + 1] : ' ';
      const bool is_fraction = begin > 0 && json[begin - 1] == '.';
      const bool is_exponent = begin > 0 && (json[begin - 1] == 'e' || json[begin - 1] == 'E');
      const bool is_whole = next != '.' && next != 'e' && next != 'E' && !is_fraction && !is_exponent;
      if (is_whole && i + 1 - begin >= kLong) text += ".0";
    }
  }
  return text;
}

}  // namespace

Result<Value> parse_json_value(std::string_view json) {
  // The depth is checked by the parser before `convert` recurses.
  simdjson::dom::parser parser;
  if (parser.allocate(json.size(), Value::kDeepest - 1) != simdjson::SUCCESS) {
    return fail(ErrorKind::kInternal, "JSON: out of memory");
  }
  element root;
  auto error = parser.parse(simdjson::padded_string(json)).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    error = parser.parse(simdjson::padded_string(with_long_integers_as_reals(json))).get(root);
  }
  if (error != simdjson::SUCCESS) {
    return fail(ErrorKind::kInvalidBody, std::string("JSON: ") + simdjson::error_message(error));
  }
  try {
    return convert(root);
  } catch (const std::invalid_argument& deep) {
    return fail(ErrorKind::kInvalidBody, std::string("JSON: ") + deep.what());
  }
}

}  // namespace sluice::jinja
