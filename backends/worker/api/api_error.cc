#include "backends/worker/api/api_error.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/worker/api/json_writer.h"

namespace sluice::worker {
namespace {

// "body.messages.0.role" as pydantic prints a location: ('body', 'messages', 0, 'role').
std::string location(std::string_view path) {
  std::string out = "(";
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view part = path.substr(0, dot);
    const bool is_index = part.find_first_not_of("0123456789") == std::string_view::npos;
    if (out.size() > 1) out += ", ";
    out += is_index ? std::string(part) : fmt::format("'{}'", part);
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return out + (out.find(',') == std::string::npos ? ",)" : ")");
}

}  // namespace

std::string ApiError::to_json() const {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("error");
  json.begin_object();
  json.member("message", message);
  json.member("type", type);
  json.member("param", param);
  json.member("code", status);
  json.end_object();
  json.end_object();
  return out;
}

ApiError schema_error(std::string_view kind, std::string_view path, std::string_view what) {
  return {400, "Bad Request",
          fmt::format("1 validation error:\n  {{'type': '{}', 'loc': {}, 'msg': '{}'}}", kind, location(path),
                      what),
          std::string(path)};
}

ApiError rule_error(std::string message, std::optional<std::string> param) {
  return {400, "BadRequestError", std::move(message), std::move(param)};
}

ApiError value_error(std::string_view message, std::string_view param, std::string_view value) {
  return rule_error(fmt::format("{} (parameter={}, value={})", message, param, value), std::string(param));
}

ApiError unsupported(std::string_view what, std::string_view param) {
  return rule_error(fmt::format("{} is not supported by this server yet.", what),
                    std::string(param.empty() ? what : param));
}

ApiError internal_error() {
  return {500, "InternalServerError", "Internal server error", std::nullopt};
}

ApiError shutting_down() {
  return {503, "ServiceUnavailableError", "The server is shutting down.", std::nullopt};
}

}  // namespace sluice::worker
