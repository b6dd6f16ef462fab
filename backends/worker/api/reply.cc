#include "backends/worker/api/reply.h"

#include <utility>

namespace sluice::worker {

Task<Result<void>> reply(ResponseWriter& client, int status, std::string_view type, std::string body) {
  ResponseHead head;
  head.status = status;
  head.content_length = body.size();
  if (!type.empty()) head.headers.add(HeaderId::kContentType, type);
  if (status == 503) head.headers.add(HeaderId::kRetryAfter, "1");
  Result<void> started = co_await client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await client.finish(body);
}

Task<Result<void>> reply(ResponseWriter& client, const ApiError& error) {
  return reply(client, error.status, kJsonType, error.to_json());
}

}  // namespace sluice::worker
