#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/llm/error_body.h"
#include "gateway/llm/request_edits.h"
#include "gateway/llm/request_view.h"
#include "gateway/llm/splice.h"

using namespace sluice::llm;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

BodyBuffer buffer_of(std::string_view text) {
  BodyBuffer body(text.size());
  require(body.append(text).has_value());
  return body;
}

}  // namespace

// A body that is accepted can be edited, and the edited body says what was asked for and nothing else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static RequestParser parser;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BodyBuffer body = buffer_of(text);
  const auto request = parser.parse(body);
  if (!request) {
    require(!error_body(request.error()).empty());
    return 0;
  }
  for (const Span span : {request->model_span, request->messages, request->prompt, request->input,
                          request->stream_options, request->include_usage_span}) {
    require(span.end() <= text.size());
  }
  Splices splices;
  splices.add(set_model(*request, "other/model"));
  if (auto splice = ask_for_usage(*request)) splices.add(std::move(*splice));
  const std::string edited = splices.apply(text);
  require(edited.size() == splices.total_length(text));
  const BodyBuffer edited_body = buffer_of(edited);
  const auto again = parser.parse(edited_body);
  // Only the limit on members can stand against an added one.
  if (!again) {
    require(again.error().detail().find("Too many members") != std::string::npos);
    return 0;
  }
  require(again->model.view() == "other/model");
  require(again->stream == request->stream && again->n == request->n);
  require(again->include_usage == (request->stream || request->include_usage));
  require(again->messages.of(edited) == request->messages.of(text));
  return 0;
}
