#include "gateway/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gateway/base/prometheus_text.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint64_t> bucket_values(const Histogram& histogram) {
  std::vector<std::uint64_t> values;
  for (const Counter& bucket : histogram.buckets())
    values.push_back(bucket.value());
  return values;
}

TEST(Counter, IsRaisedToATotalKeptElsewhereAndNeverLowered) {
  Counter counter;
  counter.add(3);
  counter.raise_to(10);
  counter.raise_to(7);
  EXPECT_EQ(counter.value(), 10u);
}

TEST(Gauge, GoesUpAndDown) {
  Gauge gauge;
  gauge.add(5);
  gauge.add(-7);
  EXPECT_EQ(gauge.value(), -2);
  gauge.set(0.25);
  EXPECT_EQ(gauge.value(), 0.25);
}

TEST(Histogram, CountsAValueOnABoundInTheBucketOfThatBound) {
  Metrics metrics;
  const double bounds[] = {1, 2};
  Histogram& histogram = metrics.histogram("h", "", {}, bounds);
  for (const double value : {0.5, 1.0, std::nextafter(1.0, 2.0), 2.0, 2.5, 1e300, -3.0})
    histogram.observe(value);
  EXPECT_THAT(bucket_values(histogram), ElementsAre(3, 2, 2));
  EXPECT_EQ(histogram.count(), 7u);
}

TEST(Histogram, IgnoresValuesThatAreNotFinite) {
  Metrics metrics;
  const double bounds[] = {1};
  Histogram& histogram = metrics.histogram("h", "", {}, bounds);
  histogram.observe(std::numeric_limits<double>::quiet_NaN());
  histogram.observe(std::numeric_limits<double>::infinity());
  histogram.observe(-std::numeric_limits<double>::infinity());
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.sum(), 0);
}

TEST(Histogram, RefusesBoundsThatDoNotRiseOrAreTooMany) {
  Metrics metrics;
  const double equal[] = {1, 1};
  const double falling[] = {2, 1};
  const double infinite[] = {1, std::numeric_limits<double>::infinity()};
  const double nan[] = {std::numeric_limits<double>::quiet_NaN()};
  std::vector<double> many(Metrics::kMaxBounds + 1);
  for (std::size_t i = 0; i < many.size(); ++i)
    many[i] = static_cast<double>(i);
  EXPECT_THROW(metrics.histogram("h", "", {}, equal), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, falling), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, infinite), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, nan), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, {}), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, many), std::logic_error);
  many.pop_back();
  metrics.histogram("h", "", {}, many).observe(1e9);
}

TEST(Metrics, GivesTheSameCellForTheSameNameAndLabelsInAnyOrder) {
  Metrics metrics;
  Counter& first = metrics.counter("a_total", "help", {{"x", "1"}, {"y", "2"}});
  EXPECT_EQ(&metrics.counter("a_total", "other help", {{"y", "2"}, {"x", "1"}}), &first);
  EXPECT_NE(&metrics.counter("a_total", "help", {{"x", "2"}, {"y", "1"}}), &first);
}

TEST(Metrics, KeepsCellsWhereTheyAreWhileManyMoreAreMade) {
  Metrics metrics;
  Counter& first = metrics.counter("first_total", "");
  const Histogram& histogram = metrics.histogram("h", "", {}, kLatencyBuckets);
  for (int i = 0; i < 5000; ++i)
    metrics.counter("family_" + std::to_string(i) + "_total", "").add();
  EXPECT_EQ(&metrics.counter("first_total", ""), &first);
  EXPECT_EQ(&metrics.histogram("h", "", {}, kLatencyBuckets), &histogram);
  EXPECT_EQ(first.value(), 0u);
}

TEST(Metrics, RefusesMistakesInNames) {
  Metrics metrics;
  EXPECT_THROW(metrics.counter("requests", ""), std::logic_error);
  EXPECT_THROW(metrics.gauge("", ""), std::logic_error);
  EXPECT_THROW(metrics.gauge("1st", ""), std::logic_error);
  EXPECT_THROW(metrics.gauge("a-b", ""), std::logic_error);
  EXPECT_THROW(metrics.gauge("a", "", {{"b:c", ""}}), std::logic_error);
  EXPECT_THROW(metrics.gauge("a", "", {{"__b", ""}}), std::logic_error);
  EXPECT_THROW(metrics.gauge("a", "", {{"le", ""}}), std::logic_error);
  EXPECT_THROW(metrics.gauge("a", "", {{"b", ""}, {"b", ""}}), std::logic_error);
}

TEST(Metrics, RefusesOneNameWithTwoMeanings) {
  Metrics metrics;
  const double bounds[] = {1, 2};
  const double others[] = {1, 3};
  metrics.counter("a_total", "", {{"x", "1"}});
  metrics.histogram("h", "", {}, bounds);
  EXPECT_THROW(metrics.gauge("a_total", "", {{"x", "1"}}), std::logic_error);
  EXPECT_THROW(metrics.counter("a_total", ""), std::logic_error);
  EXPECT_THROW(metrics.counter("a_total", "", {{"y", "1"}}), std::logic_error);
  EXPECT_THROW(metrics.histogram("h", "", {}, others), std::logic_error);
}

TEST(Metrics, GivesLabelSetsBeyondTheLimitOneCommonSeriesAndCountsThem) {
  Metrics metrics;
  const auto of_model = [&](const std::string& model) -> Counter& {
    return metrics.counter("requests_total", "", {{"model", model}, {"tenant", "t"}});
  };
  Counter& first = of_model("0");
  for (std::size_t i = 1; i < Metrics::kMaxSeriesPerFamily; ++i)
    of_model(std::to_string(i));
  Counter& extra = of_model("one too many");
  EXPECT_EQ(&of_model("two too many"), &extra);
  EXPECT_EQ(&of_model("0"), &first);
  EXPECT_EQ(
      metrics.counter("sluice_metrics_series_dropped_total", "", {{"family", "requests_total"}}).value(), 2u);

  extra.add(7);
  const Metrics* threads[] = {&metrics};
  EXPECT_THAT(render_prometheus(threads),
              HasSubstr("\nrequests_total{model=\"other\",tenant=\"other\"} 7\n"));
}

TEST(Metrics, ARemovedSeriesIsGoneAndItsCellServesTheNext) {
  Metrics metrics;
  const Gauge* first = nullptr;
  for (int i = 0; i < 5000; ++i) {
    const Labels labels{{"endpoint", std::to_string(i)}};
    Gauge& cell = metrics.gauge("idle", "", labels);
    if (first == nullptr) first = &cell;
    EXPECT_EQ(&cell, first);
    EXPECT_EQ(cell.value(), 0);
    cell.set(3);
    metrics.remove("idle", labels);
  }
  const Metrics* threads[] = {&metrics};
  EXPECT_EQ(render_prometheus(threads), "# HELP idle \n# TYPE idle gauge\n");
}

TEST(Metrics, ASeriesRemovedUnderASnapshotStaysReadableUntilTheSnapshotEnds) {
  Metrics metrics;
  metrics.counter("a_total", "", {{"endpoint", "old"}}).add(7);
  {
    const Metrics::Snapshot snapshot = metrics.families();
    metrics.remove("a_total", {{"endpoint", "old"}});
    metrics.counter("a_total", "", {{"endpoint", "new"}}).add(1);
    ASSERT_EQ(snapshot.front().series.size(), 1u);
    EXPECT_EQ(snapshot.front().series[0].labels, "endpoint=\"old\"");
    EXPECT_EQ(static_cast<const Counter*>(snapshot.front().series[0].cell)->value(), 7u);
  }
  const Metrics* threads[] = {&metrics};
  EXPECT_THAT(render_prometheus(threads), HasSubstr("\na_total{endpoint=\"new\"} 1\n"));
}

TEST(Metrics, CountsOnManyThreadsWhileAnotherRendersAndLosesNothing) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 20000;
  std::vector<std::unique_ptr<Metrics>> shards;
  std::vector<const Metrics*> all;
  for (int i = 0; i < kThreads; ++i)
    all.push_back(shards.emplace_back(std::make_unique<Metrics>()).get());

  {
    std::vector<std::jthread> writers;
    for (const auto& shard : shards) {
      writers.emplace_back([&metrics = *shard] {
        Counter& counter = metrics.counter("a_total", "");
        Histogram& histogram = metrics.histogram("h", "", {}, kLatencyBuckets);
        for (int round = 0; round < kRounds; ++round) {
          counter.add();
          histogram.observe(0.5);
          if (round % 1000 == 0) metrics.gauge("g", "", {{"round", std::to_string(round)}}).add(1);
        }
      });
    }
    for (int i = 0; i < 20; ++i)
      render_prometheus(all);
  }
  const std::string text = render_prometheus(all);
  EXPECT_THAT(text, HasSubstr("\na_total 80000\n"));
  EXPECT_THAT(text, HasSubstr("\nh_sum 40000\nh_count 80000\n"));
  EXPECT_THAT(text, HasSubstr("\ng{round=\"19000\"} 4\n"));
}

}  // namespace
}  // namespace sluice
