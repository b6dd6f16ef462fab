#include "gateway/llm/text/jinja/evaluator.h"

#include <fmt/format.h>

#include <stdexcept>

#include "gateway/llm/text/jinja/builtins.h"
#include "gateway/llm/text/jinja/lexer.h"

namespace sluice::jinja {
namespace {

// A turn makes the loop variable's nine members, whatever its body does.
constexpr std::uint64_t kLoopTurn = 8;
constexpr std::size_t kBytesPerStep = 64;  // as in Value::weight

enum class Flow { kNext, kBreak, kContinue };

class Evaluator {
 public:
  Evaluator(const Dict& variables, const RenderLimits& limits, const StrftimeNow& strftime_now)
      : variables_(variables), limits_(limits), strftime_now_(strftime_now), scopes_(1) {}

  std::string run(const Block& block) {
    std::string output;
    execute(block, output);
    return output;
  }

 private:
  void charge(std::uint64_t steps, int line) {
    steps_ += steps;
    if (steps_ > limits_.steps) throw TemplateError(line, "the template takes too many steps");
  }

  // Also what is captured by a block assignment costs, since it may be kept.
  void write(std::string_view text, int line, std::string& output) {
    charge(text.size() / kBytesPerStep, line);
    if (text.size() > limits_.output || output.size() > limits_.output - text.size()) {
      throw TemplateError(line, "the template's output is too long");
    }
    output += text;
  }

  // Gives errors of the built-in functions the line they lack.
  template <class Function>
  auto guarded(int line, Function function) {
    try {
      return function();
    } catch (const std::invalid_argument& error) {
      throw TemplateError(line, error.what());
    }
  }

  Flow execute(const Block& block, std::string& output) {
    for (const auto& statement : block) {
      if (const Flow flow = execute(*statement, output); flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  Flow execute(const Statement& statement, std::string& output) {
    charge(1, statement.line);
    switch (statement.kind) {
      case StatementKind::kText:
        write(statement.text, statement.line, output);
        return Flow::kNext;
      case StatementKind::kOutput:
        write(guarded(statement.line, [&] { return to_text(evaluate(*statement.expression)); }),
              statement.line, output);
        return Flow::kNext;
      case StatementKind::kIf:
        for (const Branch& branch : statement.branches) {
          if (evaluate(*branch.condition).truthy()) return execute(branch.body, output);
        }
        return execute(statement.otherwise, output);
      case StatementKind::kFor:
        return loop(statement, output);
      case StatementKind::kSet:
        assign(statement.targets, evaluate(*statement.expression), statement.line);
        return Flow::kNext;
      case StatementKind::kSetMember:
        set_member(statement);
        return Flow::kNext;
      case StatementKind::kSetBlock: {
        std::string captured;
        const Flow flow = execute(statement.body, captured);
        assign(statement.targets, guarded(statement.line, [&] { return Value(std::move(captured)); }),
               statement.line);
        return flow;
      }
      case StatementKind::kBreak:
        return Flow::kBreak;
      case StatementKind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNext;
  }

  void define(std::string name, Value value) { scopes_.back().set(std::move(name), std::move(value)); }

  void assign(const std::vector<std::string>& targets, Value value, int line) {
    if (targets.size() == 1) return define(targets[0], std::move(value));
    const List items = guarded(line, [&] { return items_of(value); });
    if (items.size() != targets.size()) throw TemplateError(line, "as many values as names are expected");
    for (std::size_t i = 0; i < items.size(); ++i)
      define(targets[i], items[i]);
  }

  void set_member(const Statement& statement) {
    Namespace* names = lookup(statement.targets[0]).names();
    if (names == nullptr) throw TemplateError(statement.line, statement.targets[0] + " is not a namespace");
    Value value = evaluate(*statement.expression);
    if (value.names() != nullptr)
      throw TemplateError(statement.line, "a namespace cannot be stored in another value");
    names->values.set(statement.targets[1], std::move(value));
  }

  Value lookup(std::string_view name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (const Value* value = scope->find(name)) return *value;
    }
    if (const Value* value = variables_.find(name)) return *value;
    for (const std::string_view function : {"namespace", "raise_exception", "range", "dict"}) {
      if (name == function) return Function{std::string(name)};
    }
    if (name == "strftime_now" && strftime_now_) return Function{std::string(name)};
    return Undefined{std::string(name)};
  }

  Flow loop(const Statement& statement, std::string& output) {
    const Value over = evaluate(*statement.expression);
    charge(cost_of_items(over), statement.line);
    List items = guarded(statement.line, [&] { return items_of(over); });
    if (statement.condition) items = kept(statement, items);
    if (items.empty()) return execute(statement.otherwise, output);
    for (std::size_t i = 0; i < items.size(); ++i) {
      charge(kLoopTurn, statement.line);
      scopes_.emplace_back();
      define("loop", loop_variables(items, i));
      assign(statement.targets, items[i], statement.line);
      const Flow flow = execute(statement.body, output);
      scopes_.pop_back();
      if (flow == Flow::kBreak) break;
    }
    return Flow::kNext;
  }

  List kept(const Statement& statement, const List& items) {
    List kept;
    for (const Value& item : items) {
      charge(1, statement.line);
      scopes_.emplace_back();
      assign(statement.targets, item, statement.line);
      if (evaluate(*statement.condition).truthy()) kept.push_back(item);
      scopes_.pop_back();
    }
    return kept;
  }

  Value loop_variables(const List& items, std::size_t index) const {
    const auto at = static_cast<std::int64_t>(index);
    const auto size = static_cast<std::int64_t>(items.size());
    auto loop = std::make_shared<Namespace>();  // so that neighbours of any depth and size may stand in it
    loop->values.set("index", at + 1);
    loop->values.set("index0", at);
    loop->values.set("revindex", size - at);
    loop->values.set("revindex0", size - at - 1);
    loop->values.set("first", at == 0);
    loop->values.set("last", at + 1 == size);
    loop->values.set("length", size);
    if (index > 0) loop->values.set("previtem", items[index - 1]);
    if (index + 1 < items.size()) loop->values.set("nextitem", items[index + 1]);
    return loop;
  }

  Value evaluate(const Expression& expression) {
    charge(1, expression.line);
    return guarded(expression.line, [&] { return compute(expression); });
  }

  // A value that was newly made, paid for by its size.
  Value paid(Value value, int line) {
    charge(value.weight(), line);
    return value;
  }

  Value compute(const Expression& expression) {
    const auto child = [&](std::size_t i) { return evaluate(*expression.children[i]); };
    switch (expression.kind) {
      case ExpressionKind::kLiteral:
        return expression.literal;
      case ExpressionKind::kName:
        return lookup(expression.name);
      case ExpressionKind::kList:
        return list(expression);
      case ExpressionKind::kDict:
        return dict(expression);
      case ExpressionKind::kAttribute:
        return attribute_of(child(0), expression.name);
      case ExpressionKind::kItem:
        return item(child(0), child(1), expression.line);
      case ExpressionKind::kSlice:
        return slice(expression);
      case ExpressionKind::kCall:
        return paid(call(expression), expression.line);
      case ExpressionKind::kFilter: {
        const Value subject = child(0);
        const Arguments arguments = arguments_of(expression);
        charge(filter_cost(expression.name, subject, arguments), expression.line);
        return paid(apply_filter(expression.name, subject, arguments), expression.line);
      }
      case ExpressionKind::kTest: {
        const Value subject = child(0);
        const Arguments arguments = arguments_of(expression);
        // Most ask only about the type, or about one number.
        const bool compares =
            !arguments.values.empty() || expression.name == "lower" || expression.name == "upper";
        if (compares) charge(arguments.weight() + subject.weight(), expression.line);
        return apply_test(expression.name, subject, arguments);
      }
      case ExpressionKind::kNegate:
        return arithmetic("-", 0, child(0));
      case ExpressionKind::kNot:
        return !child(0).truthy();
      case ExpressionKind::kAnd: {
        Value left = child(0);
        return left.truthy() ? child(1) : left;
      }
      case ExpressionKind::kOr: {
        Value left = child(0);
        return left.truthy() ? left : child(1);
      }
      case ExpressionKind::kArithmetic: {
        const Value left = child(0);
        return paid(arithmetic(expression.name, left, child(1)), expression.line);
      }
      case ExpressionKind::kCompare:
        return comparison(expression);
      case ExpressionKind::kConditional:
        if (child(0).truthy()) return child(1);
        return expression.children[2] ? child(2) : Value();
    }
    return {};
  }

  Value list(const Expression& expression) {
    List items;
    for (const ExpressionPtr& item : expression.children)
      items.push_back(evaluate(*item));
    return items;
  }

  Value dict(const Expression& expression) {
    Dict entries;
    for (std::size_t i = 0; i + 1 < expression.children.size(); i += 2) {
      const Value key = evaluate(*expression.children[i]);
      if (!key.text()) throw std::invalid_argument("a dictionary's keys must be strings");
      entries.set(*key.text(), evaluate(*expression.children[i + 1]));
    }
    return entries;
  }

  Value item(const Value& object, const Value& key, int line) {
    if (object.text()) charge(object.text()->size(), line);  // characters are found by counting
    return item_of(object, key);
  }

  Value slice(const Expression& expression) {
    const auto part = [&](std::size_t i) {
      return expression.children[i] ? evaluate(*expression.children[i]) : Value();
    };
    const Value object = part(0);
    charge(object.text() ? object.text()->size() : object.weight(), expression.line);
    const Value start = part(1);
    const Value stop = part(2);
    return slice_of(object, start, stop, part(3));
  }

  Value comparison(const Expression& expression) {
    Value left = evaluate(*expression.children[0]);
    for (std::size_t i = 0; i < expression.operators.size(); ++i) {
      Value right = evaluate(*expression.children[i + 1]);
      charge(std::uint64_t{left.weight()} + right.weight(), expression.line);
      if (!compare(expression.operators[i], left, right)) return false;
      left = std::move(right);
    }
    return true;
  }

  Arguments arguments_of(const Expression& expression) {
    Arguments arguments;
    for (std::size_t i = 1; i < expression.children.size(); ++i) {
      arguments.values.push_back(evaluate(*expression.children[i]));
    }
    for (const auto& [name, value] : expression.named)
      arguments.named.emplace_back(name, evaluate(*value));
    return arguments;
  }

  Value call(const Expression& expression) {
    const Expression& callee = *expression.children[0];
    if (callee.kind == ExpressionKind::kAttribute) {
      const Value object = evaluate(*callee.children[0]);
      const Arguments arguments = arguments_of(expression);
      charge(object.weight() + arguments.weight(), expression.line);
      return call_method(object, callee.name, arguments);
    }
    const Value function = evaluate(callee);
    if (const Undefined* undefined = function.undefined()) {
      throw std::invalid_argument(fmt::format("'{}' is undefined", undefined->name));
    }
    if (!function.function())
      throw std::invalid_argument(fmt::format("a {} cannot be called", function.type_name()));
    return call_global(function.function()->name, arguments_of(expression));
  }

  Value call_global(const std::string& name, const Arguments& arguments) {
    if (name == "raise_exception") throw std::invalid_argument(to_text(arguments.get(0, "message")));
    if (name == "range") return range(arguments);
    if (name == "strftime_now") return strftime_now_(to_text(arguments.get(0, "format")));
    if (name != "namespace" && name != "dict")
      throw std::invalid_argument(name + " can only be called on a value");
    Dict entries;
    for (const Value& value : arguments.values) {
      if (!value.dict()) throw std::invalid_argument(name + " takes names and values");
      for (const auto& [key, item] : value.dict()->entries())
        entries.set(key, item);
    }
    for (const auto& [key, value] : arguments.named) {
      if (value.names()) throw std::invalid_argument("a namespace cannot be stored in another value");
      entries.set(key, value);
    }
    if (name == "dict") return entries;
    auto names = std::make_shared<Namespace>();
    names->values = std::move(entries);
    return names;
  }

  static Value range(const Arguments& arguments) {
    std::int64_t bounds[3] = {0, 0, 1};
    const std::size_t count = arguments.values.size();
    if (count < 1 || count > 3) throw std::invalid_argument("range takes one to three integers");
    for (std::size_t i = 0; i < count; ++i) {
      if (!arguments.values[i].integer()) throw std::invalid_argument("range takes one to three integers");
      bounds[count == 1 ? 1 : i] = *arguments.values[i].integer();
    }
    const auto [first, last, step] = bounds;
    if (step == 0) throw std::invalid_argument("range: the step cannot be zero");
    List numbers;
    for (std::int64_t at = first; step > 0 ? at < last : at > last;) {
      numbers.emplace_back(at);
      if (numbers.size() > Value::kHeaviest) throw std::invalid_argument("range: too many numbers");
      if (__builtin_add_overflow(at, step, &at)) break;
    }
    return numbers;
  }

  const Dict& variables_;
  const RenderLimits& limits_;
  const StrftimeNow& strftime_now_;
  std::vector<Dict> scopes_;  // innermost last; blocks nest some dozens deep at most
  std::uint64_t steps_ = 0;
};

}  // namespace

std::string render_block(const Block& block, const Dict& variables, const RenderLimits& limits,
                         const StrftimeNow& strftime_now) {
  return Evaluator(variables, limits, strftime_now).run(block);
}

}  // namespace sluice::jinja
