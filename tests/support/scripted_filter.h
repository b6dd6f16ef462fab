#pragma once

#include <functional>
#include <utility>

#include "gateway/proxy/call.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"
#include "gateway/proxy/filter_chain.h"

namespace sluice::test {

// The innermost filter of a test's chain: does what the test says in place of everything further in.
template <class Subject>
class ScriptedFilter final : public Filter<Subject> {
 public:
  using Script = std::function<Task<Result<void>>(Subject&, ResponseWriter&)>;
  explicit ScriptedFilter(Script script) : script_(std::move(script)) {}

  Task<Result<void>> handle(Subject& subject, ResponseWriter& out, Next<Subject>) override {
    return script_(subject, out);
  }

 private:
  Script script_;
};

// A chain of the filter under test and a script behind it.
template <class Subject>
FilterChain<Subject> chain_of(std::unique_ptr<Filter<Subject>> filter,
                              typename ScriptedFilter<Subject>::Script script) {
  FilterChain<Subject> chain;
  if (filter) chain.add(std::move(filter));
  chain.add(std::make_unique<ScriptedFilter<Subject>>(std::move(script)));
  return chain;
}

}  // namespace sluice::test
