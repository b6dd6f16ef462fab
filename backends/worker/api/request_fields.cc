#include "backends/worker/api/request_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

#include "gateway/llm/text/jinja/value_json.h"

namespace sluice::worker {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

constexpr double kTwoTo63 = 9223372036854775808.0;

}  // namespace

const jinja::Value* RequestFields::find(std::string_view name) const {
  const jinja::Value* value = root_.find(name);
  return value == nullptr || value->is_none() ? nullptr : value;
}

std::optional<std::int64_t> RequestFields::to_integer(const jinja::Value& value, const std::string& path) {
  if (const std::int64_t* integer = value.integer()) return *integer;
  if (const bool* flag = value.boolean()) return *flag ? 1 : 0;
  if (const double* real = value.real()) {
    // Integers beyond int64 arrive as reals; the next one below its range is rounded to its smallest value.
    if (*real >= kTwoTo63) {
      refuse(
          schema_error("less_than_equal", path, "Input should be less than or equal to 9223372036854775807"));
    } else if (*real <= -kTwoTo63) {
      refuse(schema_error("greater_than_equal", path,
                          "Input should be greater than or equal to -9223372036854775808"));
    } else if (std::trunc(*real) == *real) {
      return static_cast<std::int64_t>(*real);
    } else {
      refuse(schema_error("int_from_float", path,
                          "Input should be a valid integer, got a number with a fractional part"));
    }
    return std::nullopt;
  }
  if (const std::string* text = value.text()) {
    if (const auto number = parse_number<std::int64_t>(*text)) return number;
    refuse(schema_error("int_parsing", path,
                        "Input should be a valid integer, unable to parse string as an integer"));
  } else {
    refuse(schema_error("int_type", path, "Input should be a valid integer"));
  }
  return std::nullopt;
}

std::optional<std::int64_t> RequestFields::integer(std::string_view name) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  return to_integer(*value, path_of(name));
}

std::optional<double> RequestFields::number(std::string_view name) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->number();
  if (const std::string* text = value->text()) {
    if (const auto number = parse_number<double>(*text); number && std::isfinite(*number)) return number;
    mistype("float_parsing", name, "Input should be a valid number, unable to parse string as a number");
  } else {
    mistype("float_type", name, "Input should be a valid number");
  }
  return std::nullopt;
}

bool RequestFields::flag(std::string_view name, bool otherwise) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return otherwise;
  if (const bool* flag = value->boolean()) return *flag;
  if (value->is_number() && (value->number() == 0 || value->number() == 1)) return value->number() == 1;
  if (const std::string* text = value->text()) {
    if (*text == "true" || *text == "True" || *text == "1") return true;
    if (*text == "false" || *text == "False" || *text == "0") return false;
    mistype("bool_parsing", name, "Input should be a valid boolean, unable to interpret input");
  } else {
    mistype("bool_type", name, "Input should be a valid boolean");
  }
  return otherwise;
}

std::optional<std::string> RequestFields::text(std::string_view name) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->text() != nullptr) return *value->text();
  mistype("string_type", name, "Input should be a valid string");
  return std::nullopt;
}

std::optional<std::string> RequestFields::literal(std::string_view name,
                                                  std::initializer_list<std::string_view> choices) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->text() != nullptr && std::ranges::find(choices, *value->text()) != choices.end()) {
    return *value->text();
  }
  std::string allowed;
  for (const std::string_view choice : choices) {
    if (!allowed.empty()) allowed += choice == *std::prev(choices.end()) ? " or " : ", ";
    allowed.append("'").append(choice).append("'");
  }
  mistype("literal_error", name, "Input should be " + allowed);
  return std::nullopt;
}

const jinja::List* RequestFields::list(std::string_view name) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->list() == nullptr) mistype("list_type", name, "Input should be a valid list");
  return value->list();
}

const jinja::Dict* RequestFields::object(std::string_view name) {
  const jinja::Value* value = find(name);
  if (value == nullptr) return nullptr;
  if (value->dict() == nullptr) mistype("dict_type", name, "Input should be a valid dictionary");
  return value->dict();
}

std::vector<std::string> RequestFields::texts(std::string_view name) {
  const jinja::List* items = list(name);
  std::vector<std::string> result;
  if (items == nullptr) return result;
  for (const jinja::Value& item : *items) {
    if (item.text() == nullptr) {
      refuse(schema_error("string_type", path_of(name) + "." + std::to_string(result.size()),
                          "Input should be a valid string"));
      return result;
    }
    result.push_back(*item.text());
  }
  return result;
}

std::vector<std::int64_t> RequestFields::integers(std::string_view name) {
  const jinja::List* items = list(name);
  std::vector<std::int64_t> result;
  if (items == nullptr) return result;
  result.reserve(items->size());
  for (const jinja::Value& item : *items) {
    const auto number = to_integer(item, path_of(name) + "." + std::to_string(result.size()));
    if (!number) return result;
    result.push_back(*number);
  }
  return result;
}

Parsed<jinja::Value> parse_body(std::string_view json) {
  Result<jinja::Value> body = jinja::parse_json_value(json);
  if (!body) return std::unexpected(schema_error("json_invalid", "body", "JSON decode error"));
  if (body->dict() == nullptr) {
    return std::unexpected(
        schema_error("model_attributes_type", "body",
                     "Input should be a valid dictionary or object to extract fields from"));
  }
  return std::move(*body);
}

}  // namespace sluice::worker
