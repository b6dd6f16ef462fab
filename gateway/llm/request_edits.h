#pragma once

#include <optional>
#include <string_view>

#include "gateway/llm/request_view.h"
#include "gateway/llm/splice.h"

namespace sluice::llm {

// Makes the body ask for `model`: its value is replaced, null too, or the member is added. Throws nothing but
// std::bad_alloc; the body itself is not looked at.
Splice set_model(const RequestView& request, std::string_view model);

// Makes a streaming request ask for a last frame with the usage (stream_options.include_usage), leaving other
// stream options as they are. Nothing for a request that does not stream or that asks already.
std::optional<Splice> ask_for_usage(const RequestView& request);

}  // namespace sluice::llm
