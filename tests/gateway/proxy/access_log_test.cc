#include "gateway/proxy/access_log.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

ExchangeRecord record() {
  ExchangeRecord r;
  r.id = "id-1";
  r.peer = "10.0.0.1:5";
  r.protocol = "HTTP/1.1";
  r.path = "/v1/x";
  r.status = 200;
  return r;
}

std::string access_log_line(const ExchangeRecord& record) {
  std::string line = "before";
  append_access_log_line(record, line);
  EXPECT_TRUE(line.starts_with("before{"));
  return line.substr(6);
}

TEST(AccessLogTest, ALineTellsWhatHappened) {
  ExchangeRecord r = record();
  r.started_at = WallTime(std::chrono::sys_days(std::chrono::year(2024) / 2 / 29) + milliseconds(3'723'004));
  r.trace_id = "abc";
  r.method = Method::kPost;
  r.route = "chat";
  r.model = "llama";
  r.cluster = "models";
  r.endpoint = "gpu-1:8000";
  r.stream = true;
  r.attempts = 2;
  r.ended_at = r.received_at + milliseconds(1500);
  r.first_content_at = r.received_at + milliseconds(250);
  r.longest_gap = milliseconds(40);
  r.request_bytes = 7;
  r.response_bytes = 9;
  r.content_events = 3;
  r.usage = llm::Usage{11, 3, 14, 0};
  EXPECT_EQ(
      access_log_line(r),
      "{\"time\":\"2024-02-29T01:02:03.004Z\",\"id\":\"id-1\",\"trace_id\":\"abc\",\"peer\":\"10.0.0.1:5\","
      "\"protocol\":\"HTTP/1.1\",\"method\":\"POST\",\"path\":\"/v1/"
      "x\",\"route\":\"chat\",\"model\":\"llama\","
      "\"cluster\":\"models\",\"endpoint\":\"gpu-1:8000\",\"status\":200,\"attempts\":2,\"stream\":true,"
      "\"duration_ms\":1500.000,\"ttft_ms\":250.000,\"longest_gap_ms\":40.000,\"request_bytes\":7,"
      "\"response_bytes\":9,\"events\":3,\"prompt_tokens\":11,\"completion_tokens\":3}");
}

TEST(AccessLogTest, AClientThatHadNoRoomIsTold) {
  ExchangeRecord r = record();
  EXPECT_EQ(access_log_line(r).find("client_stalled_ms"), std::string::npos);
  r.client_stalled = milliseconds(2500);
  EXPECT_NE(access_log_line(r).find("\"client_stalled_ms\":2500.000,\"request_bytes\""), std::string::npos)
      << access_log_line(r);
}

TEST(AccessLogTest, AnEncryptedConnectionAndItsClientAreTold) {
  ExchangeRecord r = record();
  EXPECT_EQ(access_log_line(r).find("tls"), std::string::npos);
  r.tls = "TLSv1.3";
  r.client_certificate = "O=Search\\, Inc.,CN=crawler";
  EXPECT_NE(access_log_line(r).find("\"protocol\":\"HTTP/1.1\",\"tls\":\"TLSv1.3\","
                                    "\"client_certificate\":\"O=Search\\\\, Inc.,CN=crawler\","),
            std::string::npos)
      << access_log_line(r);
}

TEST(AccessLogTest, AnErrorIsNamedWithItsFault) {
  ExchangeRecord r = record();
  r.note_error(Error{ErrorKind::kUpstreamCut, "the backend closed"});
  EXPECT_NE(access_log_line(r).find(
                "\"error\":\"upstream_cut\",\"fault\":\"upstream\",\"detail\":\"the backend closed\""),
            std::string::npos);
}

TEST(AccessLogTest, WhateverAClientSendsARecordIsOneLineOfJson) {
  std::string hostile = "a\"b\\c\r\n{\"status\":200}\x7f\xc2\x85\xe2\x80\xa8\xff";
  for (int c = 0; c < 32; ++c)
    hostile.push_back(static_cast<char>(c));
  ExchangeRecord r = record();
  r.id = r.trace_id = r.path = r.model = r.peer = r.error_detail = hostile;
  r.error = ErrorKind::kInvalidBody;
  const std::string line = access_log_line(r);
  EXPECT_EQ(std::ranges::count_if(line, [](char c) { return static_cast<unsigned char>(c) < 32; }), 0);
  // Every quote that a client sent is escaped: the number of bare quotes is that of an honest record.
  ExchangeRecord honest = record();
  honest.id = honest.trace_id = honest.path = honest.model = honest.peer = honest.error_detail = "x";
  honest.error = ErrorKind::kInvalidBody;
  const auto bare_quotes = [](std::string_view text) {
    int count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (text[i] == '"') {
        ++count;
      }
    }
    return count;
  };
  EXPECT_EQ(bare_quotes(line), bare_quotes(access_log_line(honest)));
}

TEST(AccessLogTest, NoSecretOfAnExchangeIsInItsLine) {
  MemoryGateway gateway;
  gateway.network.set_script("one:1", {.pieces = {json_answer("{\"answer\":\"s3cret-answer\"}")}});
  TestClient client = gateway.connect();
  const std::string body = "{\"model\":\"m\",\"messages\":[{\"content\":\"s3cret-prompt\"}]}";
  client.send(
      "POST /v1/chat?key=s3cret-query HTTP/1.1\r\nHost: s3cret-host\r\nAuthorization: Bearer s3cret-key\r\n"
      "Cookie: s3cret-cookie\r\nX-Api-Key: s3cret-api\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(first_answer(client.receive()).status, 200);
  ASSERT_EQ(gateway.sink.lines.size(), 1u);
  EXPECT_EQ(gateway.sink.lines[0].find("s3cret"), std::string::npos) << gateway.sink.lines[0];
  EXPECT_NE(gateway.sink.lines[0].find("\"path\":\"/v1/chat\""), std::string::npos);
}

TEST(AccessLogTest, ARequestThatTheCodecRefusesIsALineToo) {
  MemoryGateway gateway;
  TestClient client = gateway.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  EXPECT_EQ(first_answer(client.receive()).status, 400);
  ASSERT_EQ(gateway.sink.records.size(), 1u);
  EXPECT_EQ(gateway.sink.records[0].status, 400);
  EXPECT_EQ(gateway.sink.records[0].error, ErrorKind::kMalformedRequest);
  EXPECT_NE(gateway.sink.lines[0].find("\"error\":\"malformed_request\""), std::string::npos);
}

}  // namespace
}  // namespace sluice::test
