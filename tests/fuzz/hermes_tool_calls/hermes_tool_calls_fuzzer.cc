#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "backends/worker/api/hermes_tool_calls.h"
#include "gateway/llm/text/jinja/value_json.h"
#include "gateway/llm/text/utf8.h"

using sluice::worker::HermesToolCalls;
using sluice::worker::ToolAnswer;
using sluice::worker::ToolCallDelta;
using sluice::worker::ToolDelta;

namespace {

ToolAnswer streamed(std::string_view text, std::size_t piece, bool& malformed) {
  HermesToolCalls parser;
  ToolAnswer answer;
  const auto add = [&](const ToolDelta& delta) {
    answer.content += delta.content;
    for (const ToolCallDelta& call : delta.calls) {
      if (call.index + (call.name ? 0 : 1) != answer.calls.size()) std::abort();
      if (call.name) answer.calls.push_back({*call.name, {}});
      answer.calls.back().arguments += call.arguments;
    }
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    ToolDelta delta;
    parser.push(text.substr(at, piece), delta);
    add(delta);
  }
  ToolDelta rest;
  parser.finish(rest);
  add(rest);
  malformed = parser.malformed();
  return answer;
}

bool same(const ToolAnswer& a, const ToolAnswer& b) {
  return a.content == b.content &&
         std::ranges::equal(a.calls, b.calls, [](const auto& one, const auto& other) {
           return one.name == other.name && one.arguments == other.arguments;
         });
}

// Whether the strict parser must agree with the scanner, which leaves to others whether texts are UTF-8,
// whether \u escapes pair up and whether numbers fit.
bool is_plain(std::string_view json) {
  const auto digits = std::ranges::count_if(json, [](char c) { return c >= '0' && c <= '9'; });
  return sluice::text::is_valid_utf8(json) && !json.contains("\\u") && digits < 18 &&
         (digits < 4 || json.find_first_of("eE") == json.npos);
}

}  // namespace

// The first byte chooses the size of the pieces: cut or whole, a stream adds up to the same, and to what the
// whole answer is unless that broke the format.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  bool malformed = false;
  bool cut_malformed = false;
  const ToolAnswer stream = streamed(text, text.size() + 1, malformed);
  if (!same(streamed(text, bytes[0] % 16 + 1, cut_malformed), stream) || malformed != cut_malformed)
    std::abort();
  const ToolAnswer whole = sluice::worker::parse_hermes_tool_calls(text);
  if (malformed) {
    if (whole.content != text || !whole.calls.empty()) std::abort();
    return 0;
  }
  if (!same(whole, stream)) std::abort();
  for (const auto& call : whole.calls) {
    if (call.name.empty()) std::abort();
    if (is_plain(call.arguments) && !sluice::jinja::parse_json_value("[" + call.arguments + "]"))
      std::abort();
  }
  return 0;
}
