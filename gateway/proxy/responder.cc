#include "gateway/proxy/responder.h"

#include <utility>

#include "gateway/base/json_escape.h"
#include "gateway/llm/error_body.h"

namespace sluice {

namespace {

// What the codecs know; of a refused request nothing more is known.
constexpr std::string_view kAllMethods = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS";

std::string plain_body(const Error& error, std::string_view request_id) {
  std::string out = "{\"error\":{\"kind\":\"";
  out.append(traits(error.kind).name).append("\",\"message\":\"");
  json_escape(llm::client_message(error), out);
  out.append("\",\"request_id\":\"");
  json_escape(request_id, out);
  return out.append("\"}}");
}

Task<Result<void>> answer(ResponseWriter& client, ErrorKind kind, std::string body, std::string allow) {
  const ErrorTraits& t = traits(kind);
  ResponseHead head;
  head.status = t.status;
  head.content_length = body.size();
  head.headers.add(HeaderId::kContentType, "application/json");
  // Waiting helps only where the gateway or the fleet is short of room right now.
  if (t.status == 503) head.headers.add(HeaderId::kRetryAfter, "1");
  if (t.status == 405) head.headers.add("allow", allow.empty() ? kAllMethods : std::string_view(allow));
  Result<void> started = co_await client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await client.finish(body);
}

}  // namespace

Task<Result<void>> respond(Error error, ResponseWriter& client, bool in_events, std::string allow) {
  if (client.head_sent()) {
    if (in_events) {
      const std::string event = llm::sse_error_event(error);
      (void)co_await client.write(event);
    }
    co_return fail(std::move(error));
  }
  co_return co_await answer(client, error.kind, llm::error_body(error), std::move(allow));
}

Task<Result<void>> respond_plain(Error error, ResponseWriter& client, std::string_view request_id,
                                 std::string allow) {
  if (client.head_sent()) co_return fail(std::move(error));
  co_return co_await answer(client, error.kind, plain_body(error, request_id), std::move(allow));
}

}  // namespace sluice
