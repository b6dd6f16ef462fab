#include "gateway/llm/request_edits.h"

#include <string>
#include <utility>

#include "gateway/base/json_escape.h"

namespace sluice::llm {

Splice set_model(const RequestView& request, std::string_view model) {
  std::string quoted = "\"";
  json_escape(model, quoted);
  quoted += '"';
  if (request.model_span.present())
    return {request.model_span.offset, request.model_span.length, std::move(quoted)};
  return {request.first_member, 0, "\"model\":" + quoted + (request.has_members ? "," : "")};
}

std::optional<Splice> ask_for_usage(const RequestView& request) {
  if (!request.stream || request.include_usage) return std::nullopt;
  if (request.include_usage_span.present()) {
    return Splice{request.include_usage_span.offset, request.include_usage_span.length, "true"};
  }
  const Span options = request.stream_options;
  if (!options.present()) {
    // "stream" itself is a member, so a comma always follows.
    return Splice{request.first_member, 0, "\"stream_options\":{\"include_usage\":true},"};
  }
  if (request.stream_options_is_object) {
    return Splice{options.offset + 1, 0,
                  std::string("\"include_usage\":true") + (request.stream_options_has_members ? "," : "")};
  }
  return Splice{options.offset, options.length, "{\"include_usage\":true}"};
}

}  // namespace sluice::llm
