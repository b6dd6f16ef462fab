#pragma once

#include <gtest/gtest.h>

#include <string>

#include "gateway/llm/text/tokenizer.h"

namespace sluice::text {

inline std::string fixture(const std::string& file) {
  return std::string(SLUICE_SOURCE_DIR) + "/tests/gateway/llm/text/data/" + file;
}

inline Tokenizer load_style(const std::string& style, const TokenizerOptions& options = {}) {
  auto tokenizer = Tokenizer::load(fixture(style + ".tokenizer.json"), options);
  if (!tokenizer) throw std::runtime_error(tokenizer.error().detail());
  return std::move(*tokenizer);
}

}  // namespace sluice::text
