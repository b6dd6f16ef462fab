#include "gateway/app/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.h"

namespace sluice {
namespace {

using testing::HasSubstr;

constexpr std::string_view kText = R"(version: 1
listeners: [{name: public, address: 127.0.0.1:8080}]
clusters:
  - {name: a, endpoints: [{address: 127.0.0.1:8000}]}
  - {name: b, endpoints: [{address: 127.0.0.1:8001, tags: [h100]}]}
routes:
  - {name: gold, match: {path: {prefix: /v1}, headers: [{name: x-tier, exact: gold}]}, clusters: [{name: a}]}
  - {name: inside, match: {path: {prefix: /v1}, clients: 10.0.0.0/8}, clusters: [{name: a}]}
  - name: tiny
    match: {path: {prefix: /v1}, model: tiny}
    clusters: [{name: a, weight: 3, served_as: tiny-v2}, {name: b, tags: [h100]}]
    timeouts: {total: 5s, first_content: 4s, between_tokens: 4s}
  - {name: old, match: {path: {prefix: /old}}, redirect: {path: /v1}}
)";

std::string explain(const ImaginedRequest& request) {
  const config::LoadResult loaded = config::load_text(std::string(kText), "sluice.yaml");
  const Result<std::string> explained = explain_json(loaded.config.value(), request);
  return explained ? *explained : "error: " + explained.error().detail();
}

TEST(ExplainTest, NamesTheRouteItsTargetsAndWhyTheOthersWerePassedOver) {
  const std::string text = explain({.line = "POST /v1/chat/completions", .body = R"({"model":"tiny"})"});
  EXPECT_THAT(text, HasSubstr(R"("route":"tiny")"));
  EXPECT_THAT(text, HasSubstr(R"({"cluster":"a","share":0.75,"served_as":"tiny-v2","tags":[]})"));
  EXPECT_THAT(text, HasSubstr(R"({"cluster":"b","share":0.25,"served_as":null,"tags":["h100"]})"));
  EXPECT_THAT(text, HasSubstr(R"("total":"5s")"));
  EXPECT_THAT(text, HasSubstr(R"("passed_over":[{"route":"gold","because_of":"header x-tier"},)"
                              R"({"route":"inside","because_of":"client"}])"));
}

TEST(ExplainTest, HeadersAndTheClientCount) {
  EXPECT_THAT(explain({.line = "GET /v1", .headers = {{"X-Tier", "gold"}}}), HasSubstr(R"("route":"gold")"));
  EXPECT_THAT(explain({.line = "GET /v1", .client = "10.1.1.1"}), HasSubstr(R"("route":"inside")"));
  EXPECT_THAT(explain({.line = "GET /old/x"}), HasSubstr(R"("redirect":{"status":308)"));
}

TEST(ExplainTest, ARequestThatNoRouteTakesIsExplainedByItsError) {
  const std::string text = explain({.line = "POST /v1/x", .body = R"({"model":"big"})"});
  EXPECT_THAT(text, HasSubstr(R"("route":null,"error":{"kind":"model_not_found","status":404)"));
  EXPECT_THAT(text, HasSubstr(R"({"route":"tiny","because_of":"model"})"));
  EXPECT_THAT(text, HasSubstr(R"({"route":"old","because_of":"path"})"));
}

TEST(ExplainTest, WhatIsNoRequestIsAnError) {
  EXPECT_THAT(explain({.line = "/v1"}), HasSubstr("error: the request must be a method and a path"));
  EXPECT_THAT(explain({.line = "GET /../x"}), HasSubstr("error: "));
  EXPECT_THAT(explain({.line = "GET /", .client = "nobody"}), HasSubstr("error: the client must be"));
  EXPECT_THAT(explain({.line = "GET /", .headers = {{"a", "b\r\nc"}}}), HasSubstr("error: a header"));
}

}  // namespace
}  // namespace sluice
