#include "backends/cluster/endpoint_state.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(EndpointRegistryTest, OneClusterAndAddressIsOneEndpointForEveryone) {
  EndpointRegistry registry;
  const auto first = registry.get("models", Address::tcp("10.0.0.1", 8000));
  EXPECT_EQ(registry.get("models", Address::tcp("10.0.0.1", 8000)), first);
  EXPECT_NE(registry.get("models", Address::tcp("10.0.0.1", 8001)), first);
  EXPECT_NE(registry.get("others", Address::tcp("10.0.0.1", 8000)), first);
  EXPECT_NE(registry.get("models", Address::unix_socket("10.0.0.1:8000")), first);
  EXPECT_EQ(first->name, "10.0.0.1:8000");
  EXPECT_EQ(first->cluster, "models");
}

TEST(EndpointRegistryTest, WhatIsKnownSurvivesAsLongAsSomeoneHoldsIt) {
  EndpointRegistry registry;
  auto old_configuration = registry.get("models", Address::tcp("a", 1));
  old_configuration->avoid(TimePoint(std::chrono::seconds(5)));
  // A reload takes its hold before the old configuration lets go.
  auto reloaded = registry.get("models", Address::tcp("a", 1));
  old_configuration.reset();
  EXPECT_TRUE(reloaded->avoided(TimePoint(std::chrono::seconds(4))));
  reloaded.reset();
  EXPECT_FALSE(registry.get("models", Address::tcp("a", 1))->avoided(TimePoint(std::chrono::seconds(4))));
}

TEST(EndpointRegistryTest, EndpointsThatComeAndGoLeaveNothingBehind) {
  EndpointRegistry registry;
  const auto kept = registry.get("models", Address::tcp("kept", 1));
  for (int i = 0; i < 10'000; ++i)
    (void)registry.get("models", Address::tcp("10.0.0." + std::to_string(i), 8000));
  EXPECT_LE(registry.size(), 64u);
  EXPECT_EQ(registry.live(), (std::vector{kept}));
}

TEST(EndpointStateTest, AnEndpointIsAvoidedUntilTheInstantGiven) {
  EndpointState state("models", Address::tcp("a", 1));
  EXPECT_FALSE(state.avoided(TimePoint(Duration(1))));
  state.avoid(TimePoint(Duration(100)));
  EXPECT_TRUE(state.avoided(TimePoint(Duration(99))));
  EXPECT_FALSE(state.avoided(TimePoint(Duration(100))));
}

TEST(EndpointStateTest, ATicketCountsAsWorkInFlightWhileItLives) {
  EndpointState state("models", Address::tcp("a", 1));
  {
    const PickTicket one(state);
    const PickTicket two(state);
    EXPECT_EQ(state.in_flight, 2);
  }
  EXPECT_EQ(state.in_flight, 0);
  EXPECT_EQ(state.attempts, 2u);
}

}  // namespace
}  // namespace sluice
