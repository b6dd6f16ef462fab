#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "backends/worker/api/served_model.h"

namespace sluice::worker {

inline constexpr std::int32_t kTurnToken = 256;  // "<|turn|>", special
inline constexpr std::int32_t kEndToken = 257;   // "<|end|>", special, the end of sequence

// A model whose tokens are bytes, so that a test can write down what every token stands for.
inline ServedModel byte_model() {
  text::TokenizerSpec spec;
  for (int byte = 0; byte < 256; ++byte)
    spec.vocabulary[std::string(1, static_cast<char>(byte))] = byte;
  spec.added_tokens = {{kTurnToken, "<|turn|>", true, false}, {kEndToken, "<|end|>", true, false}};
  spec.prefix = {kTurnToken};
  auto tokenizer = text::Tokenizer::build(std::move(spec));
  if (!tokenizer) throw std::runtime_error(tokenizer.error().detail());
  ServedModel model{.tokenizer = std::move(*tokenizer)};
  model.names = {"m", "alias"};
  model.root = "/models/m";
  model.created = 1'700'000'000;
  model.max_model_len = 64;
  model.vocab_size = 260;
  model.hidden_size = 4;
  model.eos_token = kEndToken;
  model.longest_token = 8;
  auto format = text::ChatTemplate::parse(
      "{% for m in messages %}{% if m.role == 'bad' %}{{ raise_exception('no such role') }}{% endif %}"
      "[{{ m.role }}:{{ m.content }}]{% endfor %}{% if add_generation_prompt %}>{% endif %}{{ mood }}");
  if (!format) throw std::runtime_error(format.error().detail());
  model.chat_template = std::move(*format);
  return model;
}

inline std::vector<std::int32_t> bytes_as_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  for (const char c : text)
    tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

}  // namespace sluice::worker
