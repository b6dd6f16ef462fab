#include "gateway/app/listener_plan.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

config::Listener listener(std::string name, Address address) {
  config::Listener out;
  out.name = std::move(name);
  out.address = std::move(address);
  return out;
}

const Address kAny = Address::tcp("127.0.0.1", 0);
const ManualTime kTime;

TEST(ListenerPlan, ANewListenerGetsASocketForEachShardOnOnePort) {
  InheritedSockets none;
  const auto plan = plan_listeners({listener("a", kAny)}, {}, 3, none, kTime);
  ASSERT_TRUE(plan.has_value());
  ASSERT_EQ(plan->shards.size(), 3u);
  for (const auto& shard : plan->shards) {
    ASSERT_EQ(shard.size(), 1u);
    ASSERT_EQ(shard[0].sockets.size(), 1u);
    EXPECT_EQ(shard[0].sockets[0].address(), plan->listeners[0].address);
    EXPECT_EQ(shard[0].limit, plan->listeners[0].limit);
  }
}

TEST(ListenerPlan, AListenerThatStaysKeepsItsSocketsAndItsLimitAndTakesItsNewSettings) {
  InheritedSockets none;
  auto first = plan_listeners({listener("a", kAny)}, {}, 1, none, kTime);
  ASSERT_TRUE(first.has_value());
  config::Listener changed = listener("a", kAny);
  changed.max_connections = 5;
  changed.http.max_headers = 7;
  const auto second = plan_listeners({changed}, first->listeners, 1, none, kTime);
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->shards[0][0].sockets.empty());
  EXPECT_EQ(second->shards[0][0].options.limits.head.max_headers, 7u);
  EXPECT_EQ(second->listeners[0].limit, first->listeners[0].limit);
  EXPECT_EQ(second->listeners[0].address, first->listeners[0].address);
  EXPECT_EQ(second->listeners[0].max_connections, 5u);
}

TEST(ListenerPlan, AListenerWithAPortIsKnownByItThoughItsNameChanges) {
  InheritedSockets none;
  const auto port = plan_listeners({listener("a", kAny)}, {}, 1, none, kTime)->listeners[0].address;
  const auto first = plan_listeners({listener("a", port)}, {}, 1, none, kTime);
  ASSERT_TRUE(first.has_value());
  const auto second = plan_listeners({listener("b", port)}, first->listeners, 1, none, kTime);
  ASSERT_TRUE(second.has_value()) << second.error().detail();
  EXPECT_TRUE(second->shards[0][0].sockets.empty());
}

TEST(ListenerPlan, OneAddressThatCannotBeBoundFailsTheWholeAndGivesBackTheOthers) {
  InheritedSockets none;
  const auto taken = ListenSocket::bind(kAny, {.reuse_port = false});
  ASSERT_TRUE(taken.has_value());
  const Address free = plan_listeners({listener("a", kAny)}, {}, 1, none, kTime)->listeners[0].address;
  const auto plan =
      plan_listeners({listener("good", free), listener("bad", taken->address())}, {}, 2, none, kTime);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().kind, ErrorKind::kConfig);
  EXPECT_NE(plan.error().detail().find(taken->address().to_string()), std::string::npos);
  EXPECT_TRUE(ListenSocket::bind(free, {.reuse_port = false}).has_value());
}

// `count` sockets on one port, as another process handed them over.
InheritedSockets inherited(std::size_t count, Address& address, const std::string& name = "a") {
  InheritedSockets sockets;
  address = kAny;
  for (std::size_t i = 0; i < count; ++i) {
    auto socket = ListenSocket::bind(address, {});
    EXPECT_TRUE(socket.has_value());
    address = socket->address();
    sockets.add(socket_name(name), std::move(*socket));
  }
  return sockets;
}

std::vector<std::size_t> sockets_by_shard(const ListenerPlan& plan) {
  std::vector<std::size_t> out;
  for (const auto& shard : plan.shards)
    out.push_back(shard[0].sockets.size());
  return out;
}

TEST(ListenerPlan, MoreInheritedSocketsThanShardsAreAllServed) {
  Address address;
  InheritedSockets handed = inherited(5, address);
  const auto plan = plan_listeners({listener("a", address)}, {}, 2, handed, kTime);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(sockets_by_shard(*plan), (std::vector<std::size_t>{3, 2}));
  EXPECT_EQ(handed.close_rest(), 0u);
}

TEST(ListenerPlan, FewerInheritedSocketsThanShardsAreShared) {
  Address address;
  InheritedSockets handed = inherited(2, address);
  const auto plan = plan_listeners({listener("a", address)}, {}, 5, handed, kTime);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(sockets_by_shard(*plan), (std::vector<std::size_t>{1, 1, 1, 1, 1}));
}

TEST(ListenerPlan, InheritedSocketsBelongToTheirAddressAndWithoutAPortToTheirName) {
  Address address, other;
  InheritedSockets handed = inherited(1, address, "first:name");
  EXPECT_TRUE(handed.take(Address::tcp("127.0.0.2", address.port), "first:name").empty());
  EXPECT_TRUE(handed.take(kAny, "second").empty());
  EXPECT_EQ(handed.take(kAny, "first:name").size(), 1u) << "a colon separates names, so it is replaced";
  InheritedSockets more = inherited(1, other, "unknown");
  EXPECT_EQ(more.take(other, "whatever").size(), 1u);
  EXPECT_EQ(more.close_rest(), 0u);
}

TEST(ListenerPlan, WhatNobodyTakesIsClosed) {
  Address address;
  InheritedSockets handed = inherited(2, address);
  EXPECT_EQ(handed.close_rest(), 2u);
  EXPECT_TRUE(ListenSocket::bind(address, {.reuse_port = false}).has_value());
}

}  // namespace
}  // namespace sluice
