#include "backends/worker/model/json.h"

#include "backends/worker/model/load_error.h"

namespace sluice::worker {
namespace {

template <class T>
std::optional<T> typed(const JsonObject& object, std::string_view name, const char* type) {
  const auto value = object.member(name);
  if (!value) return std::nullopt;
  T result{};
  if (value->get(result) != simdjson::SUCCESS) object.refuse(std::string(name) + " is not " + type);
  return result;
}

}  // namespace

std::optional<simdjson::dom::element> JsonObject::member(std::string_view name) const {
  simdjson::dom::element value;
  if (object_[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> JsonObject::integer(std::string_view name) const {
  return typed<std::int64_t>(*this, name, "an integer");
}

std::optional<double> JsonObject::number(std::string_view name) const {
  return typed<double>(*this, name, "a number");
}

std::optional<bool> JsonObject::flag(std::string_view name) const {
  return typed<bool>(*this, name, "a boolean");
}

std::optional<std::string> JsonObject::text(std::string_view name) const {
  const auto value = typed<std::string_view>(*this, name, "a string");
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

std::optional<JsonObject> JsonObject::object(std::string_view name) const {
  const auto value = member(name);
  if (!value) return std::nullopt;
  if (!value->is_object()) refuse(std::string(name) + " is not an object");
  return JsonObject(*value, file_);
}

std::vector<std::int64_t> JsonObject::integers(std::string_view name) const {
  const auto value = member(name);
  if (!value) return {};
  simdjson::dom::array list;
  if (value->get(list) != simdjson::SUCCESS) return {*integer(name)};
  std::vector<std::int64_t> result;
  for (const simdjson::dom::element item : list) {
    if (item.get(result.emplace_back()) != simdjson::SUCCESS)
      refuse(std::string(name) + " holds no integers");
  }
  return result;
}

std::vector<std::string> JsonObject::texts(std::string_view name) const {
  const auto value = member(name);
  if (!value) return {};
  simdjson::dom::array list;
  if (value->get(list) != simdjson::SUCCESS) refuse(std::string(name) + " is not a list");
  std::vector<std::string> result;
  for (const simdjson::dom::element item : list) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) refuse(std::string(name) + " holds no strings");
    result.emplace_back(text);
  }
  return result;
}

void JsonObject::refuse(const std::string& what) const {
  throw LoadError(file_ + ": " + what);
}

JsonObject parse_json(simdjson::dom::parser& parser, std::string_view json, const std::string& file) {
  simdjson::dom::element root;
  if (const auto error = parser.parse(json.data(), json.size(), true).get(root); error != simdjson::SUCCESS) {
    throw LoadError(file + ": " + simdjson::error_message(error));
  }
  if (!root.is_object()) throw LoadError(file + ": not a JSON object");
  return JsonObject(root, file);
}

}  // namespace sluice::worker
