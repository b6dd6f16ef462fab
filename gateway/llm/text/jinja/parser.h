#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/llm/text/jinja/lexer.h"
#include "gateway/llm/text/jinja/syntax.h"

namespace sluice::jinja {

// A position in a template's tokens; what the two halves of the parser share.
class TokenReader {
 public:
  explicit TokenReader(std::span<const Token> tokens) : tokens_(tokens) {}

  const Token& peek(std::size_t ahead = 0) const;
  Token take();
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_symbol(std::string_view symbol) const { return at(TokenKind::kSymbol) && peek().text == symbol; }
  bool at_name(std::string_view name) const { return at(TokenKind::kName) && peek().text == name; }
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  void expect_symbol(std::string_view symbol);
  std::string expect_name();
  [[noreturn]] void fail(const std::string& what) const;

 private:
  std::span<const Token> tokens_;  // the last is kEnd
  std::size_t position_ = 0;
};

// Parses one expression, of everything down to a comma-less end. `with_conditional`: may be "a if b else c".
ExpressionPtr parse_expression(TokenReader& tokens, bool with_conditional = true);

// An expression or several with commas between, which make a list.
ExpressionPtr parse_expression_list(TokenReader& tokens);

bool is_known_filter(std::string_view name);
bool is_known_test(std::string_view name);

}  // namespace sluice::jinja
