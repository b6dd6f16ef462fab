#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/llm/text/jinja/parser.h"

namespace sluice::jinja {
namespace {

constexpr int kDeepestTree = 100;
constexpr int kDeepestNesting = 40;  // of brackets; each costs the parser about ten stack frames

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& tokens) : tokens_(tokens) {}

  ExpressionPtr conditional() {
    const Nesting nesting(*this);
    ExpressionPtr value = disjunction();
    while (tokens_.skip_name("if")) {
      ExpressionPtr condition = disjunction();
      ExpressionPtr otherwise = tokens_.skip_name("else") ? conditional() : nullptr;
      value =
          make(ExpressionKind::kConditional, std::move(condition), std::move(value), std::move(otherwise));
    }
    return value;
  }

  ExpressionPtr disjunction() {
    ExpressionPtr left = conjunction();
    while (tokens_.skip_name("or"))
      left = make(ExpressionKind::kOr, std::move(left), conjunction());
    return left;
  }

  ExpressionPtr list() {
    ExpressionPtr first = conditional();
    if (!tokens_.at_symbol(",")) return first;
    ExpressionPtr all = make(ExpressionKind::kList, std::move(first));
    while (tokens_.skip_symbol(",")) {
      if (ends_list()) break;
      add(*all, conditional());
    }
    return all;
  }

 private:
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser) : parser_(parser) {
      if (++parser_.nesting_ > kDeepestNesting) parser_.tokens_.fail("expressions are nested too deeply");
    }
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
  };

  bool ends_list() const {
    return tokens_.at(TokenKind::kBlockEnd) || tokens_.at(TokenKind::kOutputEnd) || tokens_.at_symbol(")") ||
           tokens_.at_symbol("]");
  }

  void add(Expression& parent, ExpressionPtr child) {
    if (child) {
      parent.depth = std::max(parent.depth, child->depth + 1);
      if (parent.depth > kDeepestTree) tokens_.fail("the expression is too long");
    }
    parent.children.push_back(std::move(child));
  }

  template <class... Children>
  ExpressionPtr make(ExpressionKind kind, Children... children) {
    auto expression = std::make_unique<Expression>();
    expression->kind = kind;
    expression->line = tokens_.peek().line;
    (add(*expression, std::move(children)), ...);
    return expression;
  }

  template <class... Children>
  ExpressionPtr make_named(ExpressionKind kind, std::string name, Children... children) {
    ExpressionPtr expression = make(kind, std::move(children)...);
    expression->name = std::move(name);
    return expression;
  }

  ExpressionPtr literal(Value value) {
    ExpressionPtr expression = make(ExpressionKind::kLiteral);
    expression->literal = std::move(value);
    return expression;
  }

  ExpressionPtr conjunction() {
    ExpressionPtr left = negation();
    while (tokens_.skip_name("and"))
      left = make(ExpressionKind::kAnd, std::move(left), negation());
    return left;
  }

  ExpressionPtr negation() {
    if (!tokens_.skip_name("not")) return comparison();
    const Nesting nesting(*this);
    return make(ExpressionKind::kNot, negation());
  }

  std::string comparison_operator() {
    for (const std::string_view symbol : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (tokens_.skip_symbol(symbol)) return std::string(symbol);
    }
    if (tokens_.skip_name("in")) return "in";
    if (tokens_.at_name("not") && tokens_.peek(1).kind == TokenKind::kName && tokens_.peek(1).text == "in") {
      tokens_.take();
      tokens_.take();
      return "not in";
    }
    return {};
  }

  ExpressionPtr comparison() {
    ExpressionPtr left = binary<0>();
    std::string symbol = comparison_operator();
    if (symbol.empty()) return left;
    ExpressionPtr all = make(ExpressionKind::kCompare, std::move(left));
    for (; !symbol.empty(); symbol = comparison_operator()) {
      all->operators.push_back(std::move(symbol));
      add(*all, binary<0>());
    }
    return all;
  }

  // Left-associative operators, weakest first.
  static constexpr std::array<std::array<std::string_view, 4>, 3> kOperators{
      {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}}};

  template <std::size_t kLevel>
  ExpressionPtr binary() {
    if constexpr (kLevel == kOperators.size()) {
      return unary(true);
    } else {
      ExpressionPtr left = binary<kLevel + 1>();
      for (;;) {
        std::string_view found;
        for (const std::string_view symbol : kOperators[kLevel]) {
          if (found.empty() && !symbol.empty() && tokens_.skip_symbol(symbol)) found = symbol;
        }
        if (found.empty()) return left;
        left = make_named(ExpressionKind::kArithmetic, std::string(found), std::move(left),
                          binary<kLevel + 1>());
      }
    }
  }

  ExpressionPtr unary(bool with_filters) {
    ExpressionPtr value;
    if (tokens_.skip_symbol("-")) {
      const Nesting nesting(*this);
      value = make(ExpressionKind::kNegate, unary(false));
    } else if (tokens_.skip_symbol("+")) {
      const Nesting nesting(*this);
      value = unary(false);
    } else {
      value = postfix(primary());
    }
    return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
  }

  ExpressionPtr primary() {
    switch (tokens_.peek().kind) {
      case TokenKind::kName:
        return name();
      case TokenKind::kString: {
        std::string text;
        while (tokens_.at(TokenKind::kString))
          text += tokens_.take().text;
        return literal(std::move(text));
      }
      case TokenKind::kInteger: {
        std::int64_t number = 0;
        const std::string digits = tokens_.take().text;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), number).ec != std::errc()) {
          tokens_.fail("the number " + digits + " is too large");
        }
        return literal(number);
      }
      case TokenKind::kReal:
        return literal(std::stod(tokens_.take().text));
      default:
        break;
    }
    if (tokens_.skip_symbol("(")) return parenthesized();
    if (tokens_.skip_symbol("[")) return list_literal();
    if (tokens_.skip_symbol("{")) return dict_literal();
    tokens_.fail("an expression is expected");
  }

  ExpressionPtr name() {
    const std::string word = tokens_.take().text;
    if (word == "true" || word == "True") return literal(true);
    if (word == "false" || word == "False") return literal(false);
    if (word == "none" || word == "None") return literal(nullptr);
    return make_named(ExpressionKind::kName, word);
  }

  ExpressionPtr parenthesized() {
    if (tokens_.skip_symbol(")")) return make(ExpressionKind::kList);
    ExpressionPtr inner = list();
    tokens_.expect_symbol(")");
    return inner;
  }

  ExpressionPtr list_literal() {
    ExpressionPtr all = make(ExpressionKind::kList);
    while (!tokens_.skip_symbol("]")) {
      if (!all->children.empty()) {
        tokens_.expect_symbol(",");
        if (tokens_.skip_symbol("]")) break;
      }
      add(*all, conditional());
    }
    return all;
  }

  ExpressionPtr dict_literal() {
    ExpressionPtr all = make(ExpressionKind::kDict);
    while (!tokens_.skip_symbol("}")) {
      if (!all->children.empty()) {
        tokens_.expect_symbol(",");
        if (tokens_.skip_symbol("}")) break;
      }
      add(*all, conditional());
      tokens_.expect_symbol(":");
      add(*all, conditional());
    }
    return all;
  }

  ExpressionPtr postfix(ExpressionPtr value) {
    for (;;) {
      if (tokens_.skip_symbol(".")) {
        if (tokens_.at(TokenKind::kInteger)) {
          value = make(ExpressionKind::kItem, std::move(value), primary());
        } else {
          value = make_named(ExpressionKind::kAttribute, tokens_.expect_name(), std::move(value));
        }
      } else if (tokens_.skip_symbol("[")) {
        value = subscript(std::move(value));
      } else if (tokens_.skip_symbol("(")) {
        value = make(ExpressionKind::kCall, std::move(value));
        arguments(*value);
      } else {
        return value;
      }
    }
  }

  ExpressionPtr subscript(ExpressionPtr value) {
    std::array<ExpressionPtr, 3> parts;
    std::size_t part = 0;
    bool slice = false;
    while (!tokens_.skip_symbol("]")) {
      if (tokens_.skip_symbol(":")) {
        slice = true;
        if (++part > 2) tokens_.fail("a slice has at most three parts");
      } else if (parts[part]) {
        tokens_.fail("] is expected");
      } else {
        parts[part] = conditional();
      }
    }
    if (slice) {
      return make(ExpressionKind::kSlice, std::move(value), std::move(parts[0]), std::move(parts[1]),
                  std::move(parts[2]));
    }
    if (!parts[0]) tokens_.fail("an index is expected");
    return make(ExpressionKind::kItem, std::move(value), std::move(parts[0]));
  }

  void arguments(Expression& call) {
    for (bool first = true; !tokens_.skip_symbol(")"); first = false) {
      if (!first) {
        tokens_.expect_symbol(",");
        if (tokens_.skip_symbol(")")) return;
      }
      if (tokens_.at_symbol("*")) tokens_.fail("argument unpacking is not supported");
      const bool named = tokens_.at(TokenKind::kName) && tokens_.peek(1).kind == TokenKind::kSymbol &&
                         tokens_.peek(1).text == "=";
      if (!named) {
        add(call, conditional());
        continue;
      }
      std::string parameter = tokens_.expect_name();
      tokens_.expect_symbol("=");
      ExpressionPtr value = conditional();
      call.depth = std::max(call.depth, value->depth + 1);
      if (call.depth > kDeepestTree) tokens_.fail("the expression is too long");
      call.named.emplace_back(std::move(parameter), std::move(value));
    }
  }

  ExpressionPtr filters_and_tests(ExpressionPtr value) {
    for (;;) {
      if (tokens_.skip_symbol("|")) {
        const std::string filter = tokens_.expect_name();
        if (!is_known_filter(filter)) tokens_.fail("the filter " + filter + " is not supported");
        value = make_named(ExpressionKind::kFilter, filter, std::move(value));
        if (tokens_.skip_symbol("(")) arguments(*value);
      } else if (tokens_.skip_name("is")) {
        value = test(std::move(value));
      } else if (tokens_.skip_symbol("(")) {
        value = make(ExpressionKind::kCall, std::move(value));
        arguments(*value);
      } else {
        return value;
      }
    }
  }

  ExpressionPtr test(ExpressionPtr value) {
    const bool negated = tokens_.skip_name("not");
    const std::string name = tokens_.expect_name();
    if (!is_known_test(name)) tokens_.fail("the test " + name + " is not supported");
    ExpressionPtr result = make_named(ExpressionKind::kTest, name, std::move(value));
    if (tokens_.skip_symbol("(")) {
      arguments(*result);
    } else if (begins_argument()) {
      add(*result, postfix(primary()));
    }
    return negated ? make(ExpressionKind::kNot, std::move(result)) : std::move(result);
  }

  // "x is divisibleby 3": a test may take one argument without brackets.
  bool begins_argument() const {
    const Token& token = tokens_.peek();
    if (token.kind == TokenKind::kName) {
      constexpr std::array<std::string_view, 7> kNotArguments{"else", "or", "and", "is", "if", "not", "in"};
      return std::ranges::find(kNotArguments, token.text) == kNotArguments.end();
    }
    return token.kind == TokenKind::kString || token.kind == TokenKind::kInteger ||
           token.kind == TokenKind::kReal || tokens_.at_symbol("[") || tokens_.at_symbol("{");
  }

  TokenReader& tokens_;
  int nesting_ = 0;
};

}  // namespace

ExpressionPtr parse_expression(TokenReader& tokens, bool with_conditional) {
  ExpressionParser parser(tokens);
  return with_conditional ? parser.conditional() : parser.disjunction();
}

ExpressionPtr parse_expression_list(TokenReader& tokens) {
  return ExpressionParser(tokens).list();
}

}  // namespace sluice::jinja
