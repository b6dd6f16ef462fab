#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::worker {

// An answer that refuses a request, in vLLM's envelope. `message` goes to the client and names no file of
// this machine.
struct ApiError {
  int status = 400;
  std::string type;
  std::string message;
  std::optional<std::string> param = {};  // the member of the request at fault

  std::string to_json() const;
};

template <class T>
using Parsed = std::expected<T, ApiError>;

// A member is missing or of the wrong type: what pydantic reports of a request before any rule is looked at.
// `kind` is pydantic's name of the mistake ("missing", "int_type"), `path` the member's, dotted from "body".
ApiError schema_error(std::string_view kind, std::string_view path, std::string_view what);

// A request that is well formed but breaks a rule.
ApiError rule_error(std::string message, std::optional<std::string> param = std::nullopt);

// As rule_error, where a value is at fault; the message ends with both, as vLLM's do.
ApiError value_error(std::string_view message, std::string_view param, std::string_view value);

// A part of vLLM's API that this server refuses rather than ignores, because ignoring it would change the
// answer. `param`: the member at fault, where it is not `what`.
ApiError unsupported(std::string_view what, std::string_view param = {});

ApiError internal_error();

ApiError shutting_down();

}  // namespace sluice::worker
