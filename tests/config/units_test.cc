#include "config/units.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::config {
namespace {

TEST(Units, DurationsAreExactNanoseconds) {
  const std::pair<std::string_view, std::int64_t> cases[] = {
      {"0", 0},
      {"0s", 0},
      {"1ns", 1},
      {"500us", 500'000},
      {"250ms", 250'000'000},
      {"1.5s", 1'500'000'000},
      {"0.000000001s", 1},
      {"75s", 75'000'000'000},
      {"10m", 600'000'000'000},
      {"1h", 3'600'000'000'000},
      {"9223372036854775807ns", -1},
      {"922337203685477580ns", 922'337'203'685'477'580},
      {"0.1ns", -1},
      {"1h30m", -1},
      {".5s", -1},
      {"5.s", -1},
      {"1.0000000001s", -1},
      {"5 s", -1},
      {"5S", -1},
      {"+5s", -1},
      {"5", -1},
      {"", -1},
      {"99999999999999999h", -1},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(parse_duration(text).value_or(-1), expected) << text;
}

TEST(Units, SizesAreExactBytes) {
  const std::pair<std::string_view, std::int64_t> cases[] = {
      {"0", 0},
      {"512B", 512},
      {"64kB", 64'000},
      {"8KiB", 8192},
      {"16MiB", 16 << 20},
      {"2MB", 2'000'000},
      {"1GiB", 1 << 30},
      {"1GB", 1'000'000'000},
      {"0.5KiB", 512},
      {"0.5B", -1},
      {"1", -1},
      {"1KB", -1},
      {"1k", -1},
      {"-1B", -1},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(parse_size(text).value_or(-1), expected) << text;
}

TEST(Units, SharesAreExactMillionths) {
  const std::pair<std::string_view, std::int64_t> cases[] = {
      {"0", 0},        {"0%", 0},        {"1%", 10'000}, {"0.5%", 5'000}, {"0.0001%", 1}, {"100%", 1'000'000},
      {"250ppm", 250}, {"0.00001%", -1}, {"0.5ppm", -1}, {"1", -1},       {"0.01", -1},   {"1 %", -1},
      {"-1%", -1},     {"%", -1},        {"1/100", -1},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(parse_share(text).value_or(-1), expected) << text;
  EXPECT_EQ(parse_share("0.01").error(), "needs a unit, got \"0.01\"; write for example 1% or 0.5%");
}

TEST(Units, SharesArePrintedInWholePercentOrMillionths) {
  EXPECT_EQ(format_share(0), "0%");
  EXPECT_EQ(format_share(10'000), "1%");
  EXPECT_EQ(format_share(1'000'000), "100%");
  EXPECT_EQ(format_share(5'000), "5000ppm");
  for (const std::int64_t value : {1LL, 9'999LL, 10'000LL, 125'000LL, 1'000'000LL})
    EXPECT_EQ(parse_share(format_share(value)).value(), value);
}

TEST(Units, WhatIsPrintedIsReadBackAndShort) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(75'000'000'000), "75s");
  EXPECT_EQ(format_duration(60'000'000'000), "1m");
  EXPECT_EQ(format_duration(1'000'000'001), "1000000001ns");
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(64'000), "64kB");
  EXPECT_EQ(format_size(65'536), "64KiB");
  EXPECT_EQ(format_size(1025), "1025B");
  for (const std::int64_t value : {1LL, 999LL, 1000LL, 1024LL, 3'600'000'000'000LL, 123'456'789'000'000LL}) {
    EXPECT_EQ(parse_duration(format_duration(value)).value(), value);
    EXPECT_EQ(parse_size(format_size(value)).value(), value);
  }
}

TEST(Units, CountsAreWholeNumbers) {
  EXPECT_EQ(parse_count("-5").value(), -5);
  EXPECT_EQ(parse_count("9223372036854775807").value(), std::numeric_limits<std::int64_t>::max());
  EXPECT_FALSE(parse_count("9223372036854775808").has_value());
  EXPECT_FALSE(parse_count("0x10").has_value());
  EXPECT_FALSE(parse_count("1_000").has_value());
  EXPECT_FALSE(parse_count("").has_value());
}

TEST(Units, AShownTextIsShortAndPrintable) {
  EXPECT_EQ(in_quotes("a\"b\\c\n\x1b"), R"("a\"b\\c\x0a\x1b")");
  EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(60, 'x') + "…\"");
  EXPECT_EQ(in_quotes(std::string(59, 'x') + "\xC3\xA9y"), "\"" + std::string(59, 'x') + "…\"")
      << "cut between characters";
}

}  // namespace
}  // namespace sluice::config
