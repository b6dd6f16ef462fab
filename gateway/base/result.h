#pragma once

#include <expected>
#include <string>
#include <utility>

#include "gateway/base/error.h"

namespace sluice {

// Expected failures are values: an error through eight coroutine layers costs 0.3 µs as a value and 13 µs as
// an exception (docs/adr/0004-errors-as-values.md).
template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string detail,
                                   Retriable retriable = Retriable::kNever) {
  return std::unexpected<Error>(std::in_place, kind, std::move(detail), retriable);
}

inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

}  // namespace sluice
