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

}  // namespace

Result<Value> parse_json_value(std::string_view json) {
  // The depth is checked by the parser before `convert` recurses.
  simdjson::dom::parser parser;
  if (parser.allocate(json.size(), Value::kDeepest - 1) != simdjson::SUCCESS) {
    return fail(ErrorKind::kInternal, "JSON: out of memory");
  }
  element root;
  if (const auto error = parser.parse(simdjson::padded_string(json)).get(root); error != simdjson::SUCCESS) {
    return fail(ErrorKind::kInvalidBody, std::string("JSON: ") + simdjson::error_message(error));
  }
  try {
    return convert(root);
  } catch (const std::invalid_argument& deep) {
    return fail(ErrorKind::kInvalidBody, std::string("JSON: ") + deep.what());
  }
}

}  // namespace sluice::jinja
