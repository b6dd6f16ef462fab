#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::jinja {

// A template that cannot be parsed, or that failed while it was rendered. Stays inside this library: Template
// turns it into an Error. An exception because it leaves a recursion of arbitrary depth.
class TemplateError : public std::runtime_error {
 public:
  TemplateError(int line, const std::string& what) : std::runtime_error(what), line_(line) {}
  int line() const noexcept { return line_; }

 private:
  int line_;
};

enum class TokenKind {
  kText,
  kOutputBegin,
  kOutputEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kReal,
  kSymbol,
  kEnd
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // literal text, a name, a string's contents, a number's digits, a symbol
  int line = 1;
};

// Cuts a template into tokens, with trim_blocks and lstrip_blocks on as chat templates expect: a block's line
// break goes with it, and so does the space before a block that begins its line. Throws TemplateError.
std::vector<Token> tokenize_template(std::string_view source);

}  // namespace sluice::jinja
