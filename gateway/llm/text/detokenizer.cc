#include "gateway/llm/text/detokenizer.h"

#include "gateway/llm/text/utf8.h"

namespace sluice::text {

void Detokenizer::push(TokenId token, std::string& text) {
  if (skip_special_tokens_ && tokenizer_->is_special(token)) return;
  held_ += tokenizer_->bytes_of(token);
  held_.erase(0, append_utf8(held_, false, text));
}

void Detokenizer::flush(std::string& text) {
  append_utf8(held_, true, text);
  held_.clear();
}

}  // namespace sluice::text
