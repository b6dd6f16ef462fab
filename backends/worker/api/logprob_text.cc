#include "backends/worker/api/logprob_text.h"

#include <algorithm>

#include "gateway/llm/text/utf8.h"

namespace sluice::worker {

std::string LogprobText::name(std::int32_t token, std::string& held) const {
  if (as_ids_) return "token_id:" + std::to_string(token);
  std::string text;
  held += tokenizer_.bytes_of(token);
  held.erase(0, text::append_utf8(held, false, text));
  return text;
}

std::string LogprobText::push(std::int32_t token) {
  return name(token, held_);
}

NamedLogprobs LogprobText::push(const TokenLogprobs& position) {
  NamedLogprobs result;
  const std::string before = held_;
  for (const TokenLogprob& entry : position) {
    const auto is_known = [&entry](const NamedLogprob& named) { return named.token == entry.token; };
    if (std::ranges::any_of(result, is_known)) continue;
    std::string held = before;
    std::string text = name(entry.token, result.empty() ? held_ : held);
    result.push_back({entry.token, std::move(text), std::max(entry.logprob, kLowestLogprob), entry.rank});
  }
  return result;
}

}  // namespace sluice::worker
