#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/base/error.h"
#include "gateway/http/stream.h"

namespace sluice {

// What an error looks like to a client: as OpenAI's clients read it, or as plain JSON.
enum class ErrorFormat : std::uint8_t { kOpenAi, kPlain };

// The one place that turns an error into an answer, in the shape that OpenAI's clients read.
//
// Before a head was sent: the kind's status and a JSON error body. After content of an event stream was sent:
// an error event, and then the result is the error itself so that the codec cuts the stream: no client takes
// what it has for a whole answer. Otherwise nothing can be said and the result is the error.
//
// `in_events`: the answer under way is a stream of events that may carry one more. `allow`: for
// kMethodNotAllowed, the methods that the target has (RFC 9110 15.5.6);
// empty where that is not known.
Task<Result<void>> respond(Error error, ResponseWriter& client, bool in_events, std::string allow = {});

// The same for clients of another API: {"error":{"kind","message","request_id"}}. Nothing is said in the
// middle of an answer, whose events would be another API's.
Task<Result<void>> respond_plain(Error error, ResponseWriter& client, std::string_view request_id,
                                 std::string allow = {});

}  // namespace sluice
