#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::worker {

// Typed access to the members of one JSON object of a checkpoint's file. A member that is null counts as
// absent; a member of the wrong type throws LoadError naming the file and the member.
class JsonObject {
 public:
  JsonObject(simdjson::dom::element object, std::string file) : object_(object), file_(std::move(file)) {}

  std::optional<simdjson::dom::element> member(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<bool> flag(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<JsonObject> object(std::string_view name) const;
  // One number or a list of them.
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;

  [[noreturn]] void refuse(const std::string& what) const;

 private:
  simdjson::dom::element object_;
  std::string file_;
};

// Parses a whole file whose root must be an object. `parser` owns what the result points into.
JsonObject parse_json(simdjson::dom::parser& parser, std::string_view json, const std::string& file);

}  // namespace sluice::worker
