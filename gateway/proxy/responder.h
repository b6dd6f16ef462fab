#pragma once

#include <string>

#include "gateway/base/error.h"
#include "gateway/http/stream.h"

namespace sluice {

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

}  // namespace sluice
