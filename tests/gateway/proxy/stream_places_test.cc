#include "gateway/proxy/stream_places.h"

#include <gtest/gtest.h>

#include <thread>

namespace sluice {
namespace {

TEST(StreamPlaces, ASmallLimitIsExactWhicheverShardHasThePlaces) {
  StreamLimit limit{.max = 3};
  StreamPlaces a(limit);
  StreamPlaces b(limit);
  EXPECT_TRUE(a.take());
  EXPECT_TRUE(a.take());
  EXPECT_TRUE(b.take());
  EXPECT_FALSE(b.take());
  EXPECT_EQ(b.open(), 2) << "what is refused is open until it has been told so";
  b.give();
  a.give();
  EXPECT_TRUE(b.take());
  EXPECT_FALSE(a.take());
}

TEST(StreamPlaces, OfALargeLimitAShardKeepsAFewFromTheOthers) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces a(limit);
  StreamPlaces b(limit);
  for (int i = 0; i < 1000; ++i)
    EXPECT_TRUE(a.take());
  for (int i = 0; i < 1000; ++i)
    a.give();
  EXPECT_EQ(a.open(), 0);
  EXPECT_LE(limit.taken, StreamPlaces::kMostSpare);
  std::int64_t granted = 0;
  while (b.take())
    ++granted;
  EXPECT_GE(granted, 20'000 - StreamPlaces::kMostSpare);
  EXPECT_LE(granted, 20'000);
}

TEST(StreamPlaces, NeverMoreThanTheLimitAreGranted) {
  StreamLimit limit{.max = 5000};
  StreamPlaces a(limit);
  StreamPlaces b(limit);
  std::int64_t granted = 0;
  for (int i = 0; i < 6000; ++i)
    granted += (i % 3 == 0 ? a : b).take();
  EXPECT_EQ(granted, 5000);
}

// An exchange after the other: the shared word is left alone.
TEST(StreamPlaces, SteadyTrafficTakesFromItsOwnHand) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces places(limit);
  for (int i = 0; i < 10; ++i)
    (void)places.take();
  int changes = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t before = limit.taken;
    places.give();
    (void)places.take();
    changes += limit.taken != before;
  }
  EXPECT_LE(changes, 1);
}

TEST(StreamPlaces, ALowerLimitCallsTheSpareOnesBack) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces places(limit);
  (void)places.take();
  EXPECT_GT(limit.taken, 1);
  limit.max = 1;
  places.give();
  EXPECT_EQ(limit.taken, 0);
}

TEST(StreamPlaces, ThreadsDoNotLosePlaces) {
  StreamLimit limit{.max = 4096};
  const auto churn = [&limit] {
    StreamPlaces places(limit);
    for (int i = 0; i < 20'000; ++i) {
      for (int n = i % 64; n > 0; --n)
        (void)places.take();
      for (int n = i % 64; n > 0; --n)
        places.give();
    }
  };
  {
    const std::jthread one(churn);
    const std::jthread two(churn);
  }
  EXPECT_EQ(limit.taken, 0);
}

}  // namespace
}  // namespace sluice
