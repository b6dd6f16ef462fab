#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/loop.h"

namespace sluice::load {

// One thing that a client does.
struct Step {
  enum class Kind {
    kSend,       // `bytes`, `piece` of them at a time (0: all), `time` between two pieces
    kAnswers,    // waits until `count` answers have come in all
    kBytes,      // waits until `count` bytes have come in all
    kPause,      // for `time`
    kHalfClose,  // says that it will send no more
  };
  Kind kind = Kind::kSend;
  std::string bytes = {};
  std::size_t piece = 0;
  std::uint64_t count = 0;
  Nanos time = 0;
};

// What a client does on one connection, from connecting to its end.
struct Plan {
  enum class Leaving { kOrderly, kReset, kNotByItself };
  enum class Reading { kAtOnce, kSlowly, kNever };
  // What the server must do. Whoever leaves early expects nothing.
  enum class Expects { kNothing, kAnswers, kRefusal };

  std::string_view kind = {};  // under which its outcome is counted
  std::vector<Step> steps = {};
  Leaving leaving = Leaving::kOrderly;
  Expects expects = Expects::kNothing;
  std::uint64_t answers = 0;  // that are expected, each with 200
  Reading reading = Reading::kAtOnce;
  std::size_t read_piece = 0;  // when slowly: so many bytes,
  Nanos read_gap = 0;          // after each so long a pause
};

// Steps in words.
Step send(std::string bytes, std::size_t piece = 0, Nanos gap = 0);
Step answers(std::uint64_t count);
Step bytes(std::uint64_t count);
Step pause(Nanos time);
Step half_close();

}  // namespace sluice::load
