#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/llm/text/jinja/value.h"

namespace sluice::jinja {

enum class ExpressionKind {
  kLiteral,      // literal
  kName,         // name
  kList,         // children
  kDict,         // children: key, value, key, value …
  kAttribute,    // children[0] . name
  kItem,         // children[0] [ children[1] ]
  kSlice,        // children[0] [ children[1] : children[2] : children[3] ], each of the three may be null
  kCall,         // children[0] ( children[1…], named )
  kFilter,       // children[0] | name ( children[1…], named )
  kTest,         // children[0] is name ( children[1…] )
  kNegate,       // - children[0]
  kNot,          // not children[0]
  kAnd,          // children[0] and children[1]
  kOr,           // children[0] or children[1]
  kArithmetic,   // children[0] name children[1], name one of + - * / // % ~
  kCompare,      // children[0] operators[0] children[1] operators[1] children[2] …
  kConditional,  // children[1] if children[0] else children[2], which may be null
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  ExpressionKind kind = ExpressionKind::kLiteral;
  int line = 0;
  int depth = 1;  // of the tree below; bounded, since evaluation and destruction recurse
  std::string name;
  Value literal;
  std::vector<ExpressionPtr> children;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  std::vector<std::string> operators;
};

enum class StatementKind {
  kText,       // text
  kOutput,     // expression
  kIf,         // branches, otherwise
  kFor,        // targets in expression [if condition]: body, otherwise
  kSet,        // targets = expression
  kSetMember,  // targets[0] . targets[1] = expression
  kSetBlock,   // targets[0] = body
  kBreak,
  kContinue,
};

struct Statement;
using Block = std::vector<std::unique_ptr<Statement>>;

struct Branch {
  ExpressionPtr condition;
  Block body;
};

struct Statement {
  StatementKind kind = StatementKind::kText;
  int line = 0;
  std::string text;
  std::vector<std::string> targets;
  ExpressionPtr expression;
  ExpressionPtr condition;
  std::vector<Branch> branches;
  Block body;
  Block otherwise;
};

// Parses a template's source. Throws TemplateError with the line: for bad syntax, for statements, filters and
// tests this subset does not have (macro, include, import, extends, …), by name, and for nesting beyond its
// limits.
Block parse_template(std::string_view source);

}  // namespace sluice::jinja
