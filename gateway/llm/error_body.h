#pragma once

#include <string>
#include <string_view>

#include "gateway/base/error.h"

namespace sluice::llm {

// The sentence a client reads. The error's own detail where the client is at fault and there is one; else a
// generic sentence of the kind, because details about backends, queues and configuration are the operator's.
std::string_view client_message(const Error& error) noexcept;

// OpenAI's error body, {"error":{"message","type","param","code"}}, compact JSON: param and code null where
// empty.
std::string error_body(const Error& error);

// The same as an event, for an answer that has begun to stream. Not followed by [DONE]: whether a stream that
// broke says so is the caller's choice.
std::string sse_error_event(const Error& error);

}  // namespace sluice::llm
