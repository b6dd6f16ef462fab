#include "gateway/app/live_settings.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(LiveSettings, WhatCannotChangeKeepsItsValueAndIsNamed) {
  const config::Config running;
  config::Config next;
  next.admin.address = Address::tcp("127.0.0.1", 1);
  next.limits.stream_buffer_bytes = 1;
  next.observability.access_log.queue = 1;
  next.observability.traces.sample = 1;
  const std::vector<std::string> kept = keep_fixed_settings(running, next);
  EXPECT_EQ(next, running);
  ASSERT_EQ(kept.size(), 4u);
  EXPECT_EQ(kept[0], "admin needs a restart: it stays as it was");
  EXPECT_TRUE(kept[1].starts_with("limits.stream_buffer_bytes needs a restart"));
  EXPECT_TRUE(kept[2].starts_with("observability.access_log needs a restart"));
  EXPECT_TRUE(kept[3].starts_with("observability.traces needs a restart"));
}

TEST(LiveSettings, WhatCanChangeIsLeftAlone) {
  const config::Config running;
  config::Config next;
  next.limits.max_streams = 1;
  next.drain.timeout = std::chrono::seconds(1);
  next.reload.watch = true;
  next.observability.log.level = config::Log::Level::kDebug;
  next.listeners.push_back({.name = "new"});
  const config::Config wanted = next;
  EXPECT_TRUE(keep_fixed_settings(running, next).empty());
  EXPECT_EQ(next, wanted);
}

}  // namespace
}  // namespace sluice
