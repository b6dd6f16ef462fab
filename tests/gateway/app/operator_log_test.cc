#include "gateway/app/operator_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice {
namespace {

using ::testing::ElementsAre;

constexpr WallTime kTime{std::chrono::milliseconds(1767323045678)};

std::string json(std::string_view text, Log::Fields fields = {}) {
  return format_log_line(LogFormat::kJson, kTime, LogLevel::kWarning, text, fields);
}

std::string plain(std::string_view text, Log::Fields fields = {}) {
  return format_log_line(LogFormat::kPlain, kTime, LogLevel::kWarning, text, fields);
}

class Lines final : public LineSink {
 public:
  void write(std::string_view line) noexcept override { lines.emplace_back(line); }
  std::vector<std::string> lines;
};

TEST(OperatorLog, WritesOneJsonObjectPerLine) {
  EXPECT_EQ(json("endpoint ejected", {{"cluster", "c"}, {"failures", 5}, {"ratio", 0.5}, {"last", false}}),
            R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"endpoint ejected",)"
            R"("cluster":"c","failures":5,"ratio":0.5,"last":false})");
}

TEST(OperatorLog, WritesPlainTextForATerminal) {
  EXPECT_EQ(plain("endpoint ejected", {{"cluster", "c"}, {"failures", 5}}),
            "2026-01-02T03:04:05.678Z warning endpoint ejected cluster=c failures=5");
}

TEST(OperatorLog, QuotesPlainValuesWhoseEndCouldNotBeSeen) {
  EXPECT_EQ(plain("m", {{"a", ""}, {"b", "x y"}, {"c", "k=v"}, {"d", "say \"hi\""}}),
            R"(2026-01-02T03:04:05.678Z warning m a="" b="x y" c="k=v" d="say \"hi\"")");
}

TEST(OperatorLog, LetsNoValueForgeALine) {
  EXPECT_EQ(json("a\nb", {{"k", "\x1b[2J\n\""}}),
            R"({"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"a\nb","k":"\u001b[2J\n\""})");
  EXPECT_EQ(plain("a\nb", {{"k", "\x1b[2J\n"}}), R"(2026-01-02T03:04:05.678Z warning a\nb k=\u001b[2J\n)");
}

TEST(OperatorLog, KeepsToTheLowestLevelEvenWhenItChanges) {
  Lines sink;
  ManualTime time;
  OperatorLog operator_log(sink, time, LogFormat::kPlain, LogLevel::kWarning);
  Log& log = operator_log;
  log.info("too low");
  log.warning("high enough");
  operator_log.set_lowest(LogLevel::kDebug);
  log.debug("now high enough");
  EXPECT_THAT(sink.lines, ElementsAre("1970-02-11T16:00:00.000Z warning high enough",
                                      "1970-02-11T16:00:00.000Z debug now high enough"));
}

}  // namespace
}  // namespace sluice
