#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/llm/text/tokenizer.h"
#include "gateway/llm/text/tokenizer_json.h"

using sluice::text::Tokenizer;

// Any bytes as a tokenizer.json: refused with a reason, or a tokenizer that gives texts back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  auto spec = sluice::text::parse_tokenizer_json({reinterpret_cast<const char*>(bytes), size});
  if (!spec) {
    if (!spec.error().detail().starts_with("tokenizer.json: ")) std::abort();
    return 0;
  }
  const bool keeps_texts = !spec->nfc && !spec->add_prefix_space;
  const auto tokenizer = Tokenizer::build(std::move(*spec));
  if (!tokenizer) return 0;
  // NFC leaves the last one alone too; not all are, where an added token is made of letters that combine.
  for (const std::string_view text : {"",
                                      "it's 2 o'clock,\r\n\n  and <|im_end|>\xE2\x80\xA8Gr\xC3\xB6\xC3\x9F"
                                      "e \xF0\x9F\x98\x80 ",
                                      "aaaaaaaaaaaaaaaa"}) {
    const auto tokens = tokenizer->encode(text, {.add_special_tokens = false});
    if (!tokens) continue;  // a pattern may exceed the matcher's limits
    for (const auto token : *tokens) {
      if (!tokenizer->contains(token)) std::abort();
    }
    if (keeps_texts && tokenizer->decode(*tokens, false) != text) std::abort();
    const auto whole = tokenizer->encode(text);
    if (!whole || whole->size() < tokens->size()) std::abort();
  }
  return 0;
}
