#include "gateway/llm/text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";
constexpr std::array<std::string_view, 5> kDoubleSymbols{"==", "!=", "<=", ">=", "//"};

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (position_ < source_.size()) {
      const std::size_t tag = find_tag();
      take_text(tag);
      if (tag == source_.npos) break;
      take_tag();
    }
    add(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return source_.substr(position_); }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(std::size_t count) {
    line_ += static_cast<int>(std::ranges::count(source_.substr(position_, count), '\n'));
    position_ += count;
  }

  std::size_t find_tag() const {
    for (std::size_t at = source_.find('{', position_); at != source_.npos; at = source_.find('{', at + 1)) {
      if (at + 1 < source_.size() && std::string_view("{%#").contains(source_[at + 1])) return at;
    }
    return source_.npos;
  }

  // The text up to `tag`, less the white space that the tags around it claim.
  void take_text(std::size_t tag) {
    std::string_view text = source_.substr(position_, tag == source_.npos ? tag : tag - position_);
    const std::size_t size = text.size();
    if (tag != source_.npos) {
      const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
      if (sign == '-') {
        text = text.substr(0, text.find_last_not_of(kSpaces) + 1);
      } else if (sign != '+' && source_[tag + 1] != '{') {
        const std::size_t line_begin = text.rfind('\n') + 1;  // npos + 1 is 0
        const bool begins_line = line_begin > 0 || at_line_begin_;
        if (begins_line && text.find_first_not_of(kSpaces, line_begin) == text.npos)
          text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) add(TokenKind::kText, std::string(text));
    advance(size);
  }

  void take_tag() {
    const char kind = source_[position_ + 1];
    const int line = line_;
    advance(2);
    if (kind == '#') {
      const std::size_t end = source_.find("#}", position_);
      if (end == source_.npos) throw TemplateError(line, "a comment does not end");
      const char sign = end > position_ ? source_[end - 1] : '\0';
      advance(end + 2 - position_);
      after_tag(sign, true);
      return;
    }
    const bool block = kind == '%';
    if (position_ < source_.size() && (source_[position_] == '-' || source_[position_] == '+')) advance(1);
    add(block ? TokenKind::kBlockBegin : TokenKind::kOutputBegin, {});
    take_expression(block, line);
  }

  void take_expression(bool block, int line) {
    const std::string_view close = block ? "%}" : "}}";
    int braces = 0;
    for (;;) {
      const std::size_t begin = source_.find_first_not_of(kSpaces, position_);
      if (begin == source_.npos)
        throw TemplateError(line, block ? "a block tag does not end" : "an output tag does not end");
      advance(begin - position_);
      const bool signed_end =
          (rest()[0] == '-' || (block && rest()[0] == '+')) && rest().substr(1).starts_with(close);
      if (braces == 0 && (signed_end || rest().starts_with(close))) {
        const char sign = signed_end ? rest()[0] : '\0';
        add(block ? TokenKind::kBlockEnd : TokenKind::kOutputEnd, {});
        advance(signed_end ? 3 : 2);
        after_tag(sign, block);
        return;
      }
      if (rest()[0] == '{') ++braces;
      if (rest()[0] == '}') --braces;
      take_token();
    }
  }

  void after_tag(char sign, bool trims_line_break) {
    at_line_begin_ = false;
    if (sign == '-') {
      const std::size_t next = source_.find_first_not_of(kSpaces, position_);
      const std::size_t end = next == source_.npos ? source_.size() : next;
      at_line_begin_ = end > position_ && source_[end - 1] == '\n';
      advance(end - position_);
    } else if (trims_line_break && sign != '+' && rest().starts_with('\n')) {
      advance(1);
      at_line_begin_ = true;
    }
  }

  void take_token() {
    const char c = rest()[0];
    if (c == '"' || c == '\'') return take_string(c);
    if (is_digit(c)) return take_number();
    std::size_t size = 0;
    while (size < rest().size() && (is_name_start(rest()[size]) || is_digit(rest()[size])))
      ++size;
    if (size > 0) {
      add(TokenKind::kName, std::string(rest().substr(0, size)));
      return advance(size);
    }
    for (const std::string_view symbol : kDoubleSymbols) {
      if (rest().starts_with(symbol)) size = symbol.size();
    }
    if (size == 0 && std::string_view("+-*/%~<>=()[]{},.:|").contains(c)) size = 1;
    if (size == 0) throw TemplateError(line_, std::string("unexpected character ") + c);
    add(TokenKind::kSymbol, std::string(rest().substr(0, size)));
    advance(size);
  }

  void take_number() {
    std::size_t size = 0;
    while (size < rest().size() && is_digit(rest()[size]))
      ++size;
    bool real = false;
    if (size + 1 < rest().size() && rest()[size] == '.' && is_digit(rest()[size + 1])) {
      real = true;
      ++size;
      while (size < rest().size() && is_digit(rest()[size]))
        ++size;
    }
    add(real ? TokenKind::kReal : TokenKind::kInteger, std::string(rest().substr(0, size)));
    advance(size);
  }

  void take_string(char quote) {
    const int line = line_;
    std::string contents;
    std::size_t at = 1;
    for (; at < rest().size() && rest()[at] != quote; ++at) {
      if (rest()[at] == '\\') {
        at += take_escape(rest().substr(at + 1), contents);
      } else {
        contents += rest()[at];
      }
    }
    if (at >= rest().size()) throw TemplateError(line, "a string does not end");
    tokens_.push_back({TokenKind::kString, std::move(contents), line});
    advance(at + 1);
  }

  // Appends what the escape behind a backslash stands for, as Python reads it; returns its length.
  std::size_t take_escape(std::string_view escape, std::string& contents) const {
    if (escape.empty()) throw TemplateError(line_, "a string does not end");
    constexpr std::string_view kLetters = "nrtbfav0\\'\"";
    constexpr std::string_view kMeanings("\n\r\t\b\f\a\v\0\\'\"", 11);
    if (const auto which = kLetters.find(escape[0]); which != kLetters.npos) {
      contents += kMeanings[which];
      return 1;
    }
    const std::size_t digits = escape[0] == 'x' ? 2 : escape[0] == 'u' ? 4 : escape[0] == 'U' ? 8 : 0;
    if (digits == 0) {
      contents += '\\';
      contents += escape[0];
      return 1;
    }
    unsigned code_point = 0;
    const char* begin = escape.data() + 1;
    if (escape.size() <= digits ||
        std::from_chars(begin, begin + digits, code_point, 16).ptr != begin + digits) {
      throw TemplateError(line_, "a string has a malformed escape");
    }
    text::append_code_point(code_point, contents);
    return digits + 1;
  }

  std::string_view source_;
  std::size_t position_ = 0;
  int line_ = 1;
  bool at_line_begin_ = true;
  std::vector<Token> tokens_;
};

std::string with_plain_line_breaks(std::string_view source) {
  std::string plain;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
      plain += '\n';
    } else {
      plain += source[i];
    }
  }
  if (plain.ends_with('\n')) plain.pop_back();  // keep_trailing_newline is off
  return plain;
}

}  // namespace

std::vector<Token> tokenize_template(std::string_view source) {
  const std::string plain = with_plain_line_breaks(source);
  return Lexer(plain).run();
}

}  // namespace sluice::jinja
