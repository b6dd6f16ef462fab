#pragma once

#include <string_view>

#include "gateway/base/result.h"
#include "gateway/llm/text/jinja/value.h"

namespace sluice::jinja {

// A JSON text as a template's value. Fails (kInvalidBody) on malformed JSON and on nesting beyond
// Value::kDeepest.
Result<Value> parse_json_value(std::string_view json);

}  // namespace sluice::jinja
