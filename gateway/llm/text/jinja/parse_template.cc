#include <utility>

#include "gateway/llm/text/jinja/parser.h"

namespace sluice::jinja {

const Token& TokenReader::peek(std::size_t ahead) const {
  return tokens_[std::min(position_ + ahead, tokens_.size() - 1)];
}

Token TokenReader::take() {
  const Token& token = peek();
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool TokenReader::skip_symbol(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  take();
  return true;
}

bool TokenReader::skip_name(std::string_view name) {
  if (!at_name(name)) return false;
  take();
  return true;
}

void TokenReader::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) fail(std::string(symbol) + " is expected");
}

std::string TokenReader::expect_name() {
  if (!at(TokenKind::kName)) fail("a name is expected");
  return take().text;
}

void TokenReader::fail(const std::string& what) const {
  throw TemplateError(peek().line, what);
}

namespace {

constexpr int kDeepestBlocks = 30;

class TemplateParser {
 public:
  explicit TemplateParser(TokenReader& tokens) : tokens_(tokens) {}

  Block whole() {
    Block block = body({});
    if (!tokens_.at(TokenKind::kEnd)) tokens_.fail("unexpected " + tokens_.peek(1).text);
    return block;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  bool at_block(Names names) const {
    if (!tokens_.at(TokenKind::kBlockBegin)) return false;
    for (const std::string_view name : names) {
      if (tokens_.peek(1).kind == TokenKind::kName && tokens_.peek(1).text == name) return true;
    }
    return false;
  }

  static std::unique_ptr<Statement> make(StatementKind kind, int line) {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
  }

  void end_tag() {
    if (!tokens_.at(TokenKind::kBlockEnd)) tokens_.fail("%} is expected");
    tokens_.take();
  }

  // Statements up to the block tag of one of `ends`, which is left, or to the end.
  Block body(Names ends) {
    if (++depth_ > kDeepestBlocks) tokens_.fail("blocks are nested too deeply");
    Block block;
    while (!tokens_.at(TokenKind::kEnd) && !at_block(ends)) {
      const int line = tokens_.peek().line;
      if (tokens_.at(TokenKind::kText)) {
        block.push_back(make(StatementKind::kText, line));
        block.back()->text = tokens_.take().text;
      } else if (tokens_.at(TokenKind::kOutputBegin)) {
        tokens_.take();
        block.push_back(make(StatementKind::kOutput, line));
        block.back()->expression = parse_expression_list(tokens_);
        if (!tokens_.at(TokenKind::kOutputEnd)) tokens_.fail("}} is expected");
        tokens_.take();
      } else {
        tokens_.take();
        tag(line, block);
      }
    }
    --depth_;
    return block;
  }

  // Takes the tag that closes a statement.
  void close(std::string_view name) {
    if (!at_block({name})) tokens_.fail(std::string(name) + " is missing");
    tokens_.take();
    tokens_.take();
    end_tag();
  }

  void tag(int line, Block& block) {
    const std::string name = tokens_.expect_name();
    if (name == "if") {
      block.push_back(if_statement(line));
    } else if (name == "for") {
      block.push_back(for_statement(line));
    } else if (name == "set") {
      block.push_back(set_statement(line));
    } else if (name == "generation") {
      // Marks the assistant's words for training; what it holds is rendered as if it were not there.
      end_tag();
      for (auto& statement : body({"endgeneration"}))
        block.push_back(std::move(statement));
      close("endgeneration");
    } else if (name == "break" || name == "continue") {
      if (loops_ == 0) throw TemplateError(line, name + " is outside a loop");
      block.push_back(make(name == "break" ? StatementKind::kBreak : StatementKind::kContinue, line));
      end_tag();
    } else {
      throw TemplateError(line, "the statement " + name + " is not supported");
    }
  }

  std::unique_ptr<Statement> if_statement(int line) {
    auto statement = make(StatementKind::kIf, line);
    do {
      Branch branch;
      branch.condition = parse_expression(tokens_);
      end_tag();
      branch.body = body({"elif", "else", "endif"});
      statement->branches.push_back(std::move(branch));
    } while (skip_block("elif"));
    if (skip_block("else")) {
      end_tag();
      statement->otherwise = body({"endif"});
    }
    close("endif");
    return statement;
  }

  bool skip_block(std::string_view name) {
    if (!at_block({name})) return false;
    tokens_.take();
    tokens_.take();
    return true;
  }

  std::unique_ptr<Statement> for_statement(int line) {
    auto statement = make(StatementKind::kFor, line);
    statement->targets = targets();
    if (!tokens_.skip_name("in")) tokens_.fail("in is expected");
    statement->expression = parse_expression(tokens_, false);
    if (tokens_.skip_name("if")) statement->condition = parse_expression(tokens_);
    if (tokens_.at_name("recursive")) tokens_.fail("recursive loops are not supported");
    end_tag();
    ++loops_;
    statement->body = body({"else", "endfor"});
    --loops_;
    if (skip_block("else")) {
      end_tag();
      statement->otherwise = body({"endfor"});
    }
    close("endfor");
    return statement;
  }

  std::vector<std::string> targets() {
    const bool bracket = tokens_.skip_symbol("(");
    std::vector<std::string> names{tokens_.expect_name()};
    while (tokens_.skip_symbol(","))
      names.push_back(tokens_.expect_name());
    if (bracket) tokens_.expect_symbol(")");
    return names;
  }

  std::unique_ptr<Statement> set_statement(int line) {
    auto statement = make(StatementKind::kSet, line);
    statement->targets = targets();
    if (statement->targets.size() == 1 && tokens_.skip_symbol(".")) {
      statement->kind = StatementKind::kSetMember;
      statement->targets.push_back(tokens_.expect_name());
    }
    if (tokens_.skip_symbol("=")) {
      statement->expression = parse_expression_list(tokens_);
      end_tag();
      return statement;
    }
    if (statement->kind != StatementKind::kSet || statement->targets.size() != 1)
      tokens_.fail("= is expected");
    statement->kind = StatementKind::kSetBlock;
    end_tag();
    statement->body = body({"endset"});
    close("endset");
    return statement;
  }

  TokenReader& tokens_;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Block parse_template(std::string_view source) {
  const std::vector<Token> tokens = tokenize_template(source);
  TokenReader reader(tokens);
  return TemplateParser(reader).whole();
}

}  // namespace sluice::jinja
