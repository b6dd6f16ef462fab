#include "gateway/app/otlp_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/gateway/app/exchange_fixture.h"

namespace sluice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string encoded(const ExchangeRecord& record) {
  const ExchangeTrace trace = trace_of(record);
  return encode_otlp({&trace, 1}, "edge", "1.2.3");
}

TEST(OtlpEncodingTest, AStreamIsAServerSpanAndItsPhases) {
  // One span a line, for the reader.
  constexpr std::string_view kExpected =
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"edge"}},)"
      R"({"key":"service.version","value":{"stringValue":"1.2.3"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"sluice","version":"1.2.3"},"spans":[)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"0000000000000abc",)"
      R"("parentSpanId":"00f067aa0ba902b7","flags":769,"name":"POST /v1/chat/completions","kind":2,)"
      R"("startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000500000000",)"
      R"("attributes":[{"key":"http.request.method","value":{"stringValue":"POST"}},)"
      R"({"key":"http.route","value":{"stringValue":"/v1/chat/completions"}},)"
      R"({"key":"url.scheme","value":{"stringValue":"http"}},)"
      R"({"key":"url.path","value":{"stringValue":"/v1/chat/completions"}},)"
      R"({"key":"http.response.status_code","value":{"intValue":"200"}},)"
      R"({"key":"network.protocol.version","value":{"stringValue":"1.1"}},)"
      R"({"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},)"
      R"({"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},)"
      R"({"key":"gen_ai.request.model","value":{"stringValue":"tiny"}},)"
      R"({"key":"gen_ai.usage.input_tokens","value":{"intValue":"11"}},)"
      R"({"key":"gen_ai.usage.output_tokens","value":{"intValue":"7"}},)"
      R"({"key":"sluice.route","value":{"stringValue":"chat"}},)"
      R"({"key":"sluice.cluster","value":{"stringValue":"models"}},)"
      R"({"key":"sluice.endpoint","value":{"stringValue":"gpu-1:8000"}},)"
      R"({"key":"sluice.attempts","value":{"intValue":"2"}},)"
      R"({"key":"sluice.stream","value":{"boolValue":true}}]},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"QUEUE","parentSpanId":"0000000000000abc",)"
      R"("flags":257,"name":"queue","kind":1,)"
      R"("startTimeUnixNano":"1700000000010000000","endTimeUnixNano":"1700000000015000000"},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"CONNECT","parentSpanId":"0000000000000abc",)"
      R"("flags":257,"name":"connect","kind":1,)"
      R"("startTimeUnixNano":"1700000000015000000","endTimeUnixNano":"1700000000030000000"},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"TTFT","parentSpanId":"0000000000000abc",)"
      R"("flags":257,"name":"time_to_first_token","kind":1,)"
      R"("startTimeUnixNano":"1700000000030000000","endTimeUnixNano":"1700000000200000000"},)"
      R"({"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"STREAM","parentSpanId":"0000000000000abc",)"
      R"("flags":257,"name":"stream","kind":1,)"
      R"("startTimeUnixNano":"1700000000200000000","endTimeUnixNano":"1700000000500000000"}]}]}]})";
  std::string actual = encoded(streamed_exchange());
  // The phases' ids are any four that are not the same.
  std::vector<std::string> ids;
  std::size_t at = actual.find("\"spanId\":\"", actual.find("\"spanId\":\"") + 1);
  for (const char* phase : {"QUEUE", "CONNECT", "TTFT", "STREAM"}) {
    ASSERT_NE(at, std::string::npos);
    ids.push_back(actual.substr(at + 10, 16));
    actual.replace(at + 10, 16, phase);
    at = actual.find("\"spanId\":\"", at + 1);
  }
  EXPECT_EQ(actual, kExpected);
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

TEST(OtlpEncodingTest, AKeptConnectionHasNoConnectAndAnAttemptThatGotNoAnswerEndsWaiting) {
  ExchangeRecord r = streamed_exchange();
  r.last_attempt.connecting_at.reset();
  r.last_attempt.streaming_at.reset();
  const std::string text = encoded(r);
  EXPECT_THAT(text, Not(HasSubstr(R"("name":"connect")")));
  EXPECT_THAT(text, Not(HasSubstr(R"("name":"stream")")));
  EXPECT_THAT(text, HasSubstr(R"("name":"queue","kind":1,"startTimeUnixNano":"1700000000010000000",)"
                              R"("endTimeUnixNano":"1700000000030000000")"));
  EXPECT_THAT(text, HasSubstr(R"("startTimeUnixNano":"1700000000030000000",)"
                              R"("endTimeUnixNano":"1700000000500000000"})"));
}

TEST(OtlpEncodingTest, ARootHasNoParentAndAnUnknownPathNoOperation) {
  ExchangeRecord r = streamed_exchange();
  r.parent_span_id = 0;
  r.sampled = false;
  r.path = "/secret-free/path";
  r.last_attempt = {};
  const std::string text = encoded(r);
  EXPECT_THAT(text, Not(HasSubstr("parentSpanId")));
  EXPECT_THAT(text, HasSubstr(R"("flags":256,"name":"POST","kind":2)"));
  EXPECT_THAT(text, Not(HasSubstr("gen_ai.operation.name")));
  EXPECT_THAT(text, Not(HasSubstr("http.route")));
}

TEST(OtlpEncodingTest, ABackendsFaultIsAnErrorOfTheSpanAndAClientsIsNot) {
  ExchangeRecord r = streamed_exchange();
  r.status = 502;
  r.error = ErrorKind::kConnectFailed;
  EXPECT_THAT(encoded(r), HasSubstr(R"({"key":"error.type","value":{"stringValue":"connect_failed"}})"));
  EXPECT_THAT(encoded(r), HasSubstr(R"("status":{"code":2})"));
  r.status = 499;
  r.error = ErrorKind::kClientGone;
  EXPECT_THAT(encoded(r), HasSubstr(R"({"key":"error.type","value":{"stringValue":"client_gone"}})"));
  EXPECT_THAT(encoded(r), Not(HasSubstr(R"("status":{)")));
  r.status = 503;
  r.error.reset();
  EXPECT_THAT(encoded(r), HasSubstr(R"({"key":"error.type","value":{"stringValue":"503"}})"));
}

TEST(OtlpEncodingTest, WhateverAClientSentIsEscapedAndCut) {
  ExchangeRecord r = streamed_exchange();
  r.model = "a\"b\n" + std::string(1000, 'x');
  const std::string text = encoded(r);
  EXPECT_THAT(text, HasSubstr(R"("stringValue":"a\"b\n)" + std::string(252, 'x') + "\""));
}

TEST(OtlpEncodingTest, ManyExchangesShareOneResource) {
  const std::vector<ExchangeTrace> traces(3, trace_of(streamed_exchange()));
  const std::string text = encode_otlp(traces, "edge", "1.2.3");
  std::size_t servers = 0;
  for (std::size_t at = text.find(R"("kind":2)"); at != std::string::npos;
       at = text.find(R"("kind":2)", at + 1))
    ++servers;
  EXPECT_EQ(servers, 3u);
  EXPECT_EQ(text.find("service.name"), text.rfind("service.name"));
}

}  // namespace
}  // namespace sluice::test
