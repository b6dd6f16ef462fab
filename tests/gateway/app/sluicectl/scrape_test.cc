#include "gateway/app/sluicectl/scrape.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::ctl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Scrape, AddsUpTheSeriesOfANameOrThoseWithALabel) {
  const Scrape scrape = Scrape::parse(
      "# HELP tokens_total Tokens.\n# TYPE tokens_total counter\n"
      "tokens_total{cluster=\"a\",kind=\"prompt\"} 3\ntokens_total{cluster=\"b\",kind=\"prompt\"} 4\n"
      "tokens_total{cluster=\"a\",kind=\"completion\"} 50\ntokens_total_more 7\nplain 1.5e3\n");
  EXPECT_EQ(scrape.sum("tokens_total"), 57);
  EXPECT_EQ(scrape.sum("tokens_total", "kind", "prompt"), 7);
  EXPECT_EQ(scrape.sum("tokens_total", "kind", "none"), 0);
  EXPECT_EQ(scrape.sum("plain"), 1500);
}

TEST(Scrape, ReadsLabelValuesWithQuotesCommasAndBraces) {
  const Scrape scrape = Scrape::parse(R"(x{a="q\"},b=\\",b="\n"} 2)");
  EXPECT_EQ(scrape.sum("x", "a", "q\"},b=\\"), 2);
  EXPECT_EQ(scrape.sum("x", "b", "\n"), 2);
}

TEST(Scrape, LinesThatAreNoneAreLeftOut) {
  for (const char* text : {"", "\n\n", "x", "x ", "x{a=\"1", "x{a} 1", "x{a=\"1\"}", "{", "x y"})
    EXPECT_EQ(Scrape::parse(text).sum("x"), 0) << text;
}

TEST(Scrape, AHistogramIsTheSumOfItsSeriesInOrderOfBounds) {
  const Scrape scrape = Scrape::parse(
      "h_bucket{c=\"a\",le=\"0.1\"} 1\nh_bucket{c=\"a\",le=\"+Inf\"} 3\nh_sum{c=\"a\"} 9\n"
      "h_bucket{c=\"b\",le=\"0.1\"} 10\nh_bucket{c=\"b\",le=\"+Inf\"} 10\n");
  const auto buckets = scrape.histogram("h");
  ASSERT_EQ(buckets.size(), 2u);
  EXPECT_EQ(buckets[0].bound, 0.1);
  EXPECT_EQ(buckets[0].count, 11);
  EXPECT_EQ(buckets[1].bound, kInfinity);
  EXPECT_EQ(buckets[1].count, 13);
}

TEST(Since, IsTheDifferenceUnlessTheProcessBeganAnew) {
  const std::vector<Bucket> before{{1, 4}, {kInfinity, 6}};
  const std::vector<Bucket> after{{1, 5}, {kInfinity, 9}};
  EXPECT_EQ(since(before, after)[0].count, 1);
  EXPECT_EQ(since(before, after)[1].count, 3);
  EXPECT_EQ(since(after, before)[1].count, 6);
  EXPECT_EQ(since({}, after)[1].count, 9);
}

TEST(Quantile, InterpolatesInTheBucketThatHoldsTheRank) {
  const std::vector<Bucket> buckets{{1, 0}, {2, 10}, {4, 20}, {kInfinity, 20}};
  EXPECT_DOUBLE_EQ(*quantile(buckets, 0.25), 1.5);
  EXPECT_DOUBLE_EQ(*quantile(buckets, 0.5), 2);
  EXPECT_DOUBLE_EQ(*quantile(buckets, 0.75), 3);
  EXPECT_DOUBLE_EQ(*quantile(buckets, 1), 4);
}

TEST(Quantile, TheFirstBucketBeginsAtZeroAndTheLastHasNoEnd) {
  EXPECT_DOUBLE_EQ(*quantile({{1, 10}, {kInfinity, 10}}, 0.5), 0.5);
  EXPECT_DOUBLE_EQ(*quantile({{1, 0}, {kInfinity, 10}}, 0.5), 1);
}

TEST(Quantile, WithoutObservationsThereIsNone) {
  EXPECT_FALSE(quantile({}, 0.5));
  EXPECT_FALSE(quantile({{1, 0}, {kInfinity, 0}}, 0.5));
}

}  // namespace
}  // namespace sluice::ctl
