#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/llm/text/jinja/syntax.h"
#include "gateway/llm/text/jinja/value.h"

namespace sluice::jinja {

// What a rendering may spend. A template comes with a model from the internet, the values from a client.
struct RenderLimits {
  // Nodes evaluated, plus the weight of the values they make, and of those they have to look through.
  std::uint64_t steps = 2'000'000;
  std::size_t output = std::size_t{32} << 20;  // bytes
};

// Gives the template the time of day, in strftime's format; without one strftime_now is undefined.
using StrftimeNow = std::function<std::string(std::string_view format)>;

// Evaluates a parsed template. Throws TemplateError, also when a limit is reached.
std::string render_block(const Block& block, const Dict& variables, const RenderLimits& limits,
                         const StrftimeNow& strftime_now);

}  // namespace sluice::jinja
