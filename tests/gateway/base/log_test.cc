#include "gateway/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace sluice {
namespace {

using ::testing::ElementsAre;

TEST(MemoryLog, KeepsLevelTextAndFieldsOfEveryLine) {
  MemoryLog memory;
  Log& log = memory;
  log.debug("plain");
  log.info("one", {{"path", std::string("/x")}});
  log.warning("two", {{"count", 3}, {"ratio", 0.5}, {"open", true}});
  log.error("three", {{"total", std::numeric_limits<std::uint64_t>::max()}});
  EXPECT_THAT(memory.lines(),
              ElementsAre("debug: plain", "info: one path=/x", "warning: two count=3 ratio=0.5 open=true",
                          "error: three total=18446744073709551615"));
}

TEST(LogField, WritesNumbersBareAndTextQuoted) {
  EXPECT_TRUE(LogField("k", 5).bare());
  EXPECT_FALSE(LogField("k", "5").bare());
  EXPECT_EQ(LogField("k", -5L).value(), "-5");
  EXPECT_EQ(LogField("k", std::numeric_limits<double>::quiet_NaN()).value(), "null");
}

TEST(LogField, SurvivesBeingCopied) {
  const LogField copy = [] { return LogField(LogField("k", 1234567890123)); }();
  EXPECT_EQ(copy.value(), "1234567890123");
}

}  // namespace
}  // namespace sluice
