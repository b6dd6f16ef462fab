#include "gateway/runtime/loop.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// A clock that moves whenever it is looked at.
class RestlessTime final : public TimeSource {
 public:
  TimePoint now() const noexcept override { return time_ += std::chrono::milliseconds(1); }
  WallTime wall() const noexcept override { return {}; }

 private:
  mutable TimePoint time_{std::chrono::hours(1)};
};

TEST(Loop, AnEventHasOneTimeAndTheNextOneAnother) {
  RestlessTime time;
  Loop loop(time, 1);
  EXPECT_LT(loop.now(), loop.now());
  TimePoint first;
  {
    const Loop::Event event(loop);
    first = loop.now();
    EXPECT_EQ(loop.now(), first);
  }
  EXPECT_LT(first, loop.now());
  const Loop::Event event(loop);
  EXPECT_LT(first, loop.now());
}

}  // namespace
}  // namespace sluice
