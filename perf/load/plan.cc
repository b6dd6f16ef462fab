#include "perf/load/plan.h"

#include <utility>

namespace sluice::load {

Step send(std::string bytes, std::size_t piece, Nanos gap) {
  return {.kind = Step::Kind::kSend, .bytes = std::move(bytes), .piece = piece, .time = gap};
}

Step answers(std::uint64_t count) {
  return {.kind = Step::Kind::kAnswers, .count = count};
}

Step bytes(std::uint64_t count) {
  return {.kind = Step::Kind::kBytes, .count = count};
}

Step pause(Nanos time) {
  return {.kind = Step::Kind::kPause, .time = time};
}

Step half_close() {
  return {.kind = Step::Kind::kHalfClose};
}

}  // namespace sluice::load
