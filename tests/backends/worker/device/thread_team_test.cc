#include "backends/worker/device/thread_team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace sluice::worker {
namespace {

TEST(ThreadTeam, DoesEveryPartOfEveryPieceOnce) {
  for (const std::size_t threads : {1, 2, 5}) {
    ThreadTeam team(threads, false);
    EXPECT_EQ(team.threads(), threads);
    for (std::size_t piece = 0; piece < 200; ++piece) {
      std::vector<int> done(piece % 11, 0);
      team.run(done.size(), [&](std::size_t part) { ++done[part]; });
      for (const int times : done)
        ASSERT_EQ(times, 1);
    }
  }
}

TEST(ThreadTeam, APieceSeesWhatTheOneBeforeHasWritten) {
  ThreadTeam team(3, true);
  team.pin_caller();
  std::vector<int> values(7, 0);
  for (int piece = 0; piece < 100; ++piece) {
    team.run(values.size(), [&](std::size_t part) { values[part] = values[part] + 1; });
    for (const int value : values)
      ASSERT_EQ(value, piece + 1);
  }
}

TEST(ThreadTeam, MayEndWithoutEverHavingWorked) {
  const ThreadTeam team(4, false);
}

}  // namespace
}  // namespace sluice::worker
