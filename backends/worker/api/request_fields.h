#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/api_error.h"
#include "gateway/llm/text/jinja/value.h"

namespace sluice::worker {

// Typed access to the members of a request's JSON object, as lenient as vLLM's pydantic models: null counts
// as absent, 16.0 and "16" are integers, 1 and "true" are flags. The first mistake is kept and makes the rest
// of the reading idle, so that a parser reads all its members in a row and looks once.
class RequestFields {
 public:
  // `root` must outlive it. `path` is the object's, dotted, "body" for the whole request.
  explicit RequestFields(const jinja::Dict& root, std::string path = "body")
      : root_(root), path_(std::move(path)) {}

  // The member unless it is absent or null.
  const jinja::Value* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  std::optional<std::int64_t> integer(std::string_view name);
  std::optional<double> number(std::string_view name);
  bool flag(std::string_view name, bool otherwise);
  std::optional<std::string> text(std::string_view name);
  // A text that is one of `choices`, as pydantic's Literal.
  std::optional<std::string> literal(std::string_view name, std::initializer_list<std::string_view> choices);
  std::vector<std::string> texts(std::string_view name);
  std::vector<std::int64_t> integers(std::string_view name);
  const jinja::Dict* object(std::string_view name);
  const jinja::List* list(std::string_view name);

  std::string path_of(std::string_view name) const { return path_ + "." + std::string(name); }

  void refuse(ApiError error) {
    if (!error_) error_ = std::move(error);
  }
  // Refuses with a schema error at a member.
  void mistype(std::string_view kind, std::string_view name, std::string_view what) {
    refuse(schema_error(kind, path_of(name), what));
  }
  const std::optional<ApiError>& error() const noexcept { return error_; }

 private:
  std::optional<std::int64_t> to_integer(const jinja::Value& value, const std::string& path);

  const jinja::Dict& root_;
  std::string path_;
  std::optional<ApiError> error_;
};

// The body of a request, which must be a JSON object.
Parsed<jinja::Value> parse_body(std::string_view json);

}  // namespace sluice::worker
