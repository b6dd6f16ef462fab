#include "gateway/base/prometheus_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <string>

namespace sluice {
namespace {

std::string render(const Metrics& metrics) {
  const Metrics* threads[] = {&metrics};
  return render_prometheus(threads);
}

TEST(PrometheusText, IsEmptyWithoutMetrics) {
  EXPECT_EQ(render_prometheus({}), "");
  EXPECT_EQ(render(Metrics()), "");
}

TEST(PrometheusText, AddsUpThreadsAndOrdersFamiliesAndSeries) {
  Metrics a;
  Metrics b;
  const double bounds[] = {0.1, 1, 2.5};
  a.gauge("streams", "Streams in flight.").set(3);
  b.gauge("streams", "Streams in flight.").set(-1);
  b.counter("requests_total", "Requests.", {{"model", "m"}, {"code", "500"}}).add(1);
  a.counter("requests_total", "Requests.", {{"code", "200"}, {"model", "m"}}).add(4);
  b.counter("requests_total", "Requests.", {{"code", "200"}, {"model", "m"}}).add(6);
  a.histogram("wait_seconds", "Waits.", {{"queue", "q"}}, bounds).observe(0.1);
  a.histogram("wait_seconds", "Waits.", {{"queue", "q"}}, bounds).observe(9);
  b.histogram("wait_seconds", "Waits.", {{"queue", "q"}}, bounds).observe(2);
  b.histogram("plain_seconds", "Without labels.", {}, bounds);

  const Metrics* threads[] = {&a, &b};
  EXPECT_EQ(render_prometheus(threads), R"(# HELP plain_seconds Without labels.
# TYPE plain_seconds histogram
plain_seconds_bucket{le="0.1"} 0
plain_seconds_bucket{le="1"} 0
plain_seconds_bucket{le="2.5"} 0
plain_seconds_bucket{le="+Inf"} 0
plain_seconds_sum 0
plain_seconds_count 0
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{code="200",model="m"} 10
requests_total{code="500",model="m"} 1
# HELP streams Streams in flight.
# TYPE streams gauge
streams 2
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="q",le="0.1"} 1
wait_seconds_bucket{queue="q",le="1"} 1
wait_seconds_bucket{queue="q",le="2.5"} 2
wait_seconds_bucket{queue="q",le="+Inf"} 3
wait_seconds_sum{queue="q"} 11.1
wait_seconds_count{queue="q"} 3
)");
}

TEST(PrometheusText, EscapesHelpAndLabelValues) {
  Metrics metrics;
  metrics.gauge("g", "a \"quoted\" \\ and\ntwo lines", {{"l", "a \"quoted\" \\ and\ntwo lines"}});
  EXPECT_EQ(render(metrics), R"(# HELP g a "quoted" \\ and\ntwo lines
# TYPE g gauge
g{l="a \"quoted\" \\ and\ntwo lines"} 0
)");
}

TEST(PrometheusText, ReplacesWhatIsNotUtf8InALabelValue) {
  Metrics metrics;
  metrics.gauge("g", "", {{"l", "a\xFFz\xC3"}}).set(1);
  EXPECT_EQ(render(metrics), "# HELP g \n# TYPE g gauge\ng{l=\"a\uFFFDz\uFFFD\"} 1\n");
}

TEST(PrometheusText, CutsALongLabelValueBetweenCharacters) {
  Metrics metrics;
  metrics.gauge("g", "", {{"l", std::string(Metrics::kMaxLabelValue - 1, 'x') + "éy"}});
  EXPECT_EQ(render(metrics),
            "# HELP g \n# TYPE g gauge\ng{l=\"" + std::string(Metrics::kMaxLabelValue - 1, 'x') + "\"} 0\n");
}

TEST(PrometheusText, WritesLargeAndOddNumbersAsPrometheusReadsThem) {
  Metrics metrics;
  metrics.counter("c_total", "").add(std::numeric_limits<std::uint64_t>::max());
  metrics.gauge("g", "", {{"n", "1"}}).set(16'000'000'000);
  metrics.gauge("g", "", {{"n", "2"}}).set(std::numeric_limits<double>::infinity());
  metrics.gauge("g", "", {{"n", "3"}}).set(-std::numeric_limits<double>::infinity());
  metrics.gauge("g", "", {{"n", "4"}}).set(std::numeric_limits<double>::quiet_NaN());
  metrics.gauge("g", "", {{"n", "5"}}).set(0.0005);
  EXPECT_EQ(render(metrics), R"(# HELP c_total 
# TYPE c_total counter
c_total 18446744073709551615
# HELP g 
# TYPE g gauge
g{n="1"} 16000000000
g{n="2"} +Inf
g{n="3"} -Inf
g{n="4"} NaN
g{n="5"} 0.0005
)");
}

TEST(PrometheusText, RefusesThreadsThatDisagreeAboutAFamily) {
  Metrics a;
  Metrics b;
  a.gauge("x_total", "");
  b.counter("x_total", "");
  const Metrics* threads[] = {&a, &b};
  EXPECT_THROW(render_prometheus(threads), std::logic_error);
}

}  // namespace
}  // namespace sluice
