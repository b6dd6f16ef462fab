#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/llm/text/chat_template.h"
#include "gateway/llm/text/jinja/value_json.h"
#include "gateway/llm/text/utf8.h"

using sluice::text::ChatTemplate;

// A template, a zero byte, and the variables as JSON. It is refused with a line, or renders within its limits
// to well-formed text, twice the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::size_t zero = input.find('\0');
  const auto parsed = ChatTemplate::parse(input.substr(0, zero));
  if (!parsed) {
    if (!parsed.error().detail().starts_with("chat template")) std::abort();
    return 0;
  }
  sluice::jinja::Dict variables;
  if (zero != input.npos) {
    const auto json = sluice::jinja::parse_json_value(input.substr(zero + 1));
    if (json && json->dict() != nullptr) variables = *json->dict();
  }
  constexpr sluice::jinja::RenderLimits kLimits{.steps = 20'000, .output = std::size_t{1} << 20};
  const auto clock = [](std::string_view format) { return std::string(format); };
  const auto rendered = parsed->render(variables, kLimits, clock);
  const auto again = parsed->render(variables, kLimits, clock);
  if (rendered.has_value() != again.has_value()) std::abort();
  if (!rendered) {
    if (!rendered.error().detail().starts_with("chat template, line ")) std::abort();
    return 0;
  }
  if (*rendered != *again || rendered->size() > kLimits.output || !sluice::text::is_valid_utf8(*rendered))
    std::abort();
  return 0;
}
