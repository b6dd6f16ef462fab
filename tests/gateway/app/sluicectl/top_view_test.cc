#include "gateway/app/sluicectl/top_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/app/sluicectl/output.h"

namespace sluice::ctl {
namespace {

using testing::HasSubstr;

TopSample sample(double seconds, const char* metrics, const char* clusters) {
  return {
      .seconds = seconds,
      .metrics = Scrape::parse(metrics),
      .status = JsonValue::parse(
                    R"({"version":"1","pid":7,"uptime_seconds":75,"draining":false,"config_generation":2})")
                    .value(),
      .clusters = JsonValue::parse(clusters).value()};
}

constexpr const char* kBefore = R"({"clusters":[{"name":"a","endpoints":[
  {"address":"h:1","state":"available","in_flight":0,"attempts":10,"failures":0}]}]})";
constexpr const char* kAfter = R"({"clusters":[{"name":"a","endpoints":[
  {"address":"h:1","state":"available","in_flight":3,"attempts":30,"failures":1},
  {"address":"h:2","state":"avoided","in_flight":0,"attempts":4,"failures":4}]}]})";

TopView between() {
  return compare(
      sample(100,
             "sluice_requests_total{status=\"200\"} 10\nsluice_tokens_total{kind=\"prompt\"} 5\n"
             "sluice_time_to_first_token_seconds_bucket{le=\"0.1\"} 5\n"
             "sluice_time_to_first_token_seconds_bucket{le=\"+Inf\"} 5\n",
             kBefore),
      sample(102,
             "sluice_requests_total{status=\"200\"} 30\nsluice_requests_total{status=\"503\"} 4\n"
             "sluice_errors_total{kind=\"overloaded\"} 4\nsluice_tokens_total{kind=\"prompt\"} 25\n"
             "sluice_streams_open 3\nsluice_downstream_connections 9\n"
             "sluice_time_to_first_token_seconds_bucket{le=\"0.1\"} 15\n"
             "sluice_time_to_first_token_seconds_bucket{le=\"+Inf\"} 15\n",
             kAfter));
}

TEST(TopView, RatesAreDifferencesPerSecondAndStateIsTheLaterOne) {
  const TopView view = between();
  EXPECT_DOUBLE_EQ(view.requests, 12);
  EXPECT_DOUBLE_EQ(view.errors, 2);
  EXPECT_DOUBLE_EQ(view.prompt_tokens, 10);
  EXPECT_DOUBLE_EQ(view.completion_tokens, 0);
  EXPECT_DOUBLE_EQ(view.streams, 3);
  EXPECT_DOUBLE_EQ(view.connections, 9);
  EXPECT_DOUBLE_EQ(view.first_token.p50.value(), 0.05);
  EXPECT_FALSE(view.token_gap.p50);
  ASSERT_EQ(view.endpoints.size(), 2u);
  EXPECT_DOUBLE_EQ(view.endpoints[0].attempts, 10);
  EXPECT_DOUBLE_EQ(view.endpoints[0].failures, 0.5);
  EXPECT_DOUBLE_EQ(view.endpoints[1].attempts, 2);
}

TEST(TopView, AGatewayThatBeganAnewCountsFromZero) {
  const TopView view = compare(sample(10, "sluice_requests_total 1000\n", kAfter),
                               sample(11, "sluice_requests_total 3\n", kBefore));
  EXPECT_DOUBLE_EQ(view.requests, 3);
  EXPECT_DOUBLE_EQ(view.endpoints[0].attempts, 10);
}

TEST(TopView, TwoSamplesAtTheSameMomentHaveNoRates) {
  EXPECT_DOUBLE_EQ(
      compare(sample(1, "sluice_requests_total 1\n", kBefore), sample(1, "sluice_requests_total 9\n", kAfter))
          .requests,
      0);
}

TEST(TopScreen, AtEightyColumnsEverythingIsThere) {
  const auto lines = render(between(), 80, 24);
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "sluice 1  process 7  up 1m15s  configuration 2", "",
                       "requests/s            12.0  errors/s              2.00",
                       "streams                  3  connections              9",
                       "prompt tok/s          10.0  answer tok/s          0.00",
                       "TTFT           50ms / 99ms  token gap            - / -", "",
                       "CLUSTER         ENDPOINT                STATE      IN FLIGHT   TRIES/S    FAIL/S",
                       "a               h:1                     available          3      10.0      0.50",
                       "a               h:2                     avoided            0      2.00      2.00"}));
}

TEST(TopScreen, NoLineIsWiderThanTheTerminalAndNoScreenHigher) {
  TopView view = between();
  for (int i = 0; i < 50; ++i)
    view.endpoints.push_back({"a-cluster-with-a-long-name-ä", "an-endpoint-with-a-long-name.example.org:8000",
                              "available", 1, 2, 3});
  for (std::size_t columns : {20, 40, 57, 79, 80, 81, 120, 160, 400}) {
    for (std::size_t rows : {1, 5, 24, 200}) {
      const auto lines = render(view, columns, rows);
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines)
        EXPECT_LE(display_width(line), columns) << line;
    }
  }
  EXPECT_THAT(render(view, 80, 24).back(), HasSubstr("more endpoints"));
  EXPECT_THAT(render(view, 160, 24)[2], HasSubstr("connections"));
}

TEST(TopScreen, ADrainingGatewayIsMarked) {
  TopView view = between();
  view.draining = true;
  EXPECT_THAT(render(view, 80, 24)[0], HasSubstr("DRAINING"));
}

}  // namespace
}  // namespace sluice::ctl
