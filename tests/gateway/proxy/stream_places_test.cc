#include "gateway/proxy/stream_places.h"

#include <gtest/gtest.h>

#include <atomic>
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
  EXPECT_LE(granted, 5000);
  EXPECT_GE(granted, 5000 - StreamPlaces::kMostSpare);
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

TEST(StreamPlaces, APlaceThatWasRefusedIsNotKeptForTheNext) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces places(limit);
  while (places.take()) {
  }
  for (int i = 0; i < 100; ++i) {
    places.give();
    ASSERT_FALSE(places.take()) << i;
  }
}

TEST(StreamPlaces, ALowerLimitHoldsAtOnceForWhoHasSpareOnes) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces places(limit);
  (void)places.take();
  EXPECT_GT(limit.taken, 1);
  limit.max = 1;
  EXPECT_FALSE(places.take());
  places.give();
  places.give();
  EXPECT_EQ(limit.taken, 0);
}

TEST(StreamPlaces, SteadyTrafficShrinksToALowerLimit) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces places(limit);
  for (int i = 0; i < 10'000; ++i)
    (void)places.take();
  limit.max = 5000;
  std::int64_t open = 10'000;
  for (int i = 0; i < 20'000; ++i) {
    places.give();
    --open;
    if (places.take()) {
      ++open;
    } else {
      places.give();
    }
    if (open <= 0) break;
  }
  EXPECT_EQ(open, 5000);
}

TEST(StreamPlaces, WhatAnIdleShardKeepsCanBeCalledBack) {
  StreamLimit limit{.max = 20'000};
  StreamPlaces idle(limit);
  (void)idle.take();
  idle.give();
  EXPECT_GT(limit.taken, 0);
  limit.max = 3;
  idle.trim();
  StreamPlaces busy(limit);
  EXPECT_TRUE(busy.take());
}

TEST(StreamPlaces, ThreadsNeitherLosePlacesNorHaveMoreThanTheLimit) {
  StreamLimit limit{.max = 2048};
  std::atomic<std::int64_t> granted{0};
  std::atomic<std::int64_t> most{0};
  const auto churn = [&] {
    StreamPlaces places(limit);
    for (int i = 0; i < 200; ++i) {
      int mine = 0;
      for (int n = 0; n < 1500; ++n) {
        if (!places.take()) continue;
        ++mine;
        const std::int64_t now = granted.fetch_add(1) + 1;
        if (now > most.load()) most.store(now);
      }
      granted.fetch_sub(mine);
      for (int n = 0; n < 1500; ++n)
        places.give();
    }
  };
  std::thread one(churn);
  std::thread two(churn);
  one.join();
  two.join();
  EXPECT_EQ(limit.taken, 0);
  EXPECT_LE(most, 2048);
}

}  // namespace
}  // namespace sluice
