#pragma once

#include <span>

#include "gateway/base/result.h"
#include "gateway/http/stream.h"
#include "gateway/runtime/task.h"

namespace sluice {

struct Exchange;
struct Call;

template <class Subject>
class Next;

// One policy on an exchange (once per client request) or on a call (once per upstream call or attempt).
//
// A filter reads as a story: a beginning, `co_await next(subject, out)`, an end. Permits, spans and timers
// are its locals and last to the final token or to cancellation, whichever comes first. A local answer is
// written to the writer and passes the outer filters like any other. Whoever must see the response passes a
// writer of its own inward. A filter with nothing to do afterwards is a plain function that returns next(...)
// and holds no frame.
//
// Contract:
//  - one filter object per chain and shard; exchanges interleave on it, so what belongs to a request is a
//  local;
//  - next may be called any number of times, also none;
//  - at most one start() reaches the client; once content was sent, an error can only be signalled in-band or
//  by
//    returning an error, upon which the codec cuts the stream;
//  - when the client leaves, the filter's frame is destroyed and the code after next does not run: what must
//  be
//    settled is settled by a noexcept scope guard, never by code after next alone;
//  - what was passed by reference is not stored.
template <class Subject>
class Filter {
 public:
  virtual ~Filter() = default;
  virtual Task<Result<void>> handle(Subject& subject, ResponseWriter& out, Next<Subject> next) = 0;
};

// The rest of a chain. Calling it past the last filter is a broken invariant: the last one answers.
template <class Subject>
class Next {
 public:
  explicit Next(std::span<Filter<Subject>* const> rest) noexcept : rest_(rest) {}

  Task<Result<void>> operator()(Subject& subject, ResponseWriter& out) const {
    return rest_.front()->handle(subject, out, Next(rest_.subspan(1)));
  }

 private:
  std::span<Filter<Subject>* const> rest_;
};

using ExchangeFilter = Filter<Exchange>;
using CallFilter = Filter<Call>;
using ExchangeNext = Next<Exchange>;
using CallNext = Next<Call>;

}  // namespace sluice
