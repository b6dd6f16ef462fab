// The same exchange over HTTP/1.1 and over HTTP/2: the filters see the same request, the backend gets the
// same bytes, the client the same answer and the access log says the same, but for what is listed here.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/gateway/proxy/http2_rig.h"
#include "tests/support/noting_handler.h"

namespace sluice::test {
namespace {

using http2::test::FieldList;
using http2::test::TestPeer;

struct Sent {
  const char* name;
  std::string method = "GET";
  std::string path = "/files/a%20b?x=1";
  FieldList fields = {};
  // Of the body, a loop turn between them; none: there is no body.
  std::vector<std::string> pieces = {};
  bool tells_length = false;
  FieldList trailers = {};
  // The body goes on after the answer.
  bool answered_early = false;
  // What the backend answers when it has the request, or the first of its body.
  std::vector<std::string> answer = {};
  bool backend_closes = false;

  bool has_body() const noexcept { return !pieces.empty(); }
};
std::ostream& operator<<(std::ostream& out, const Sent& s) {
  return out << s.name;
}

struct Outcome {
  NotedRequest request;
  std::string upstream;
  int status = 0;
  FieldList fields;
  std::string body;
  FieldList trailers;
  bool complete = false;
  std::vector<std::string> log;
};

// Fields that only one of them has: framing of messages and connections (RFC 9112 6.1, 9.6; RFC 9113 8.2.2).
bool is_of_the_protocol(std::string_view name) {
  return name == "transfer-encoding" || name == "connection" || name == "keep-alive";
}

GatewayPlan plan() {
  GatewayPlan plan;
  plan.routes.resize(2);
  plan.routes[0].name = "files";
  plan.routes[0].rule.path = "/files";
  plan.routes[1].name = "api";
  plan.routes[1].rule.path = "/v1";
  for (auto& route : plan.routes)
    route.max_body_bytes = 1'000;
  plan.limits.max_streams = 16;
  return plan;
}

// A gateway whose backend does what the case says.
class Run {
 public:
  explicit Run(const Sent& sent) : sent_(sent) {}

  void turn() {
    gateway.t.turn();
    if (backend_ == nullptr) backend_ = gateway.network.take("one:1");
    if (backend_ == nullptr) return;
    outcome.upstream = backend_->received();
    const bool whole = whole_request(outcome.upstream) != 0;
    if (answered_ || (!whole && !sent_.answered_early)) return;
    answered_ = true;
    for (const std::string& piece : sent_.answer) {
      backend_->send(piece);
      gateway.t.turn();
    }
    if (sent_.backend_closes) backend_->close();
    gateway.t.turn();
  }
  void finish() {
    turn();
    outcome.log = gateway.sink.lines;
    if (backend_ != nullptr) outcome.upstream = backend_->received();
  }

  MemoryGateway gateway{plan()};
  Outcome outcome;
  NotingHandler handler{gateway.proxy(),
                        [this](const RequestHead&) -> NotedRequest& { return outcome.request; }};

 private:
  const Sent& sent_;
  std::unique_ptr<BackendEnd> backend_;
  bool answered_ = false;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
  return out;
}

FieldList parse_lines(std::string_view lines) {
  FieldList out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos)
      out.emplace_back(lower(line.substr(0, colon)), line.substr(colon + 2));
  }
  return out;
}

Outcome over_http1(const Sent& sent) {
  Run run(sent);
  ServerLimits limits = plan().limits;
  auto [near, far] = MemoryTransport::pair(run.gateway.loop);
  TestClient client(run.gateway.t, std::move(near));
  http1::ServerConnection connection(std::move(far), limits, run.handler);
  TaskGroup tasks;
  tasks.spawn(connection.run());
  const bool chunked = sent.has_body() && !sent.tells_length;
  std::size_t length = 0;
  for (const std::string& piece : sent.pieces)
    length += piece.size();
  std::string head = sent.method + " " + sent.path + " HTTP/1.1\r\nhost: gateway.test\r\n";
  for (const auto& [name, value] : sent.fields)
    head += name + ": " + value + "\r\n";
  if (chunked) head += "transfer-encoding: chunked\r\n";
  if (sent.tells_length) head += "content-length: " + std::to_string(length) + "\r\n";
  client.put(head + "\r\n");
  run.turn();
  for (const std::string& piece : sent.pieces) {
    client.put(chunked ? chunk(piece) : piece);
    run.turn();
  }
  if (chunked && !sent.answered_early) {
    std::string end = "0\r\n";
    for (const auto& [name, value] : sent.trailers)
      end += name + ": " + value + "\r\n";
    client.put(end + "\r\n");
  }
  run.turn();
  std::string_view received = client.receive();
  run.finish();
  received = client.receive();
  Outcome& out = run.outcome;
  while (received.starts_with("HTTP/1.1 1"))
    received.remove_prefix(received.find("\r\n\r\n") + 4);
  const std::string_view all = received;
  const Answer answer = take_answer(received);
  out.status = answer.status;
  out.fields = parse_lines(answer.head);
  out.body = answer.body;
  const bool has_no_body = sent.method == "HEAD" || answer.status == 304 || answer.status == 204;
  out.complete = answer.complete || has_no_body;
  if (answer.header("transfer-encoding") == "chunked" && answer.complete) {
    const std::size_t last = all.find("\r\n0\r\n");
    out.trailers = parse_lines(all.substr(last + 5, all.size() - received.size() - last - 5));
  }
  return out;
}

Outcome over_http2(const Sent& sent) {
  Run run(sent);
  ServerLimits limits = plan().limits;
  auto [near, far] = MemoryTransport::pair(run.gateway.loop);
  TestPeer peer(run.gateway.t, std::move(near));
  http2::ServerCounts counts;
  http2::ServerConnection connection(std::move(far), limits, counts, run.handler);
  TaskGroup tasks;
  tasks.spawn(connection.run());
  peer.turn();
  FieldList fields{
      {":method", sent.method}, {":scheme", "http"}, {":authority", "gateway.test"}, {":path", sent.path}};
  fields.insert(fields.end(), sent.fields.begin(), sent.fields.end());
  std::size_t length = 0;
  for (const std::string& piece : sent.pieces)
    length += piece.size();
  if (sent.tells_length) fields.emplace_back("content-length", std::to_string(length));
  const auto id = peer.request(fields, nullptr, !sent.has_body());
  peer.put();
  run.turn();
  for (std::size_t i = 0; i < sent.pieces.size(); ++i) {
    const bool last =
        i + 1 == sent.pieces.size() && sent.trailers.empty() && !sent.answered_early && sent.tells_length;
    peer.send_body(id, sent.pieces[i], last);
    peer.put();
    run.turn();
  }
  if (sent.has_body() && !sent.tells_length && !sent.answered_early) {
    if (sent.trailers.empty()) {
      peer.send_body(id, {}, true);
    } else {
      peer.send_trailers(id, sent.trailers);
    }
    peer.put();
  }
  run.turn();
  peer.turn();
  run.finish();
  peer.turn();
  const TestPeer::Answer& answer = peer.answer(id);
  Outcome& out = run.outcome;
  out.status = answer.status;
  out.fields = answer.fields;
  out.body = answer.body;
  out.trailers = answer.trailers;
  out.complete = answer.ended;
  return out;
}

void remove_of_the_protocol(FieldList& fields) {
  std::erase_if(fields, [](const auto& field) { return is_of_the_protocol(field.first); });
  std::ranges::sort(fields);
}

std::string without(std::string text, std::string_view part, std::string_view instead) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at))
    text.replace(at, part.size(), instead);
  return text;
}

const std::string kOk =
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-b: 1\r\ncontent-length: 5\r\n\r\nhello";
const FieldList kFields{
    {"accept", "*/*"}, {"x-a", "1"}, {"x-a", "2"}, {"x-c", "3"}, {"authorization", "Bearer k"}};

const Sent kExchanges[] = {
    {.name = "get", .fields = kFields, .answer = {kOk}},
    {.name = "get_without_a_query", .path = "/files", .answer = {kOk}},
    {.name = "path_to_be_made_canonical", .path = "/files/./b/../c", .answer = {kOk}},
    {.name = "head", .method = "HEAD", .answer = {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"}},
    {.name = "options", .method = "OPTIONS", .answer = {"HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n"}},
    {.name = "post_with_length",
     .method = "POST",
     .pieces = {"one", "two"},
     .tells_length = true,
     .answer = {kOk}},
    {.name = "post_of_unknown_length", .method = "POST", .pieces = {"one", "two"}, .answer = {kOk}},
    {.name = "post_of_nothing", .method = "POST", .pieces = {""}, .tells_length = true, .answer = {kOk}},
    {.name = "put_with_trailers",
     .method = "PUT",
     .pieces = {"one", "two"},
     .trailers = {{"x-sum", "7"}},
     .answer = {kOk}},
    {.name = "delete_without_a_body", .method = "DELETE", .answer = {kOk}},
    {.name = "body_read_for_the_route",
     .method = "POST",
     .path = "/v1/chat/completions",
     .fields = {{"content-type", "application/json"}},
     .pieces = {"{\"model\":", "\"m\"}"},
     .tells_length = true,
     .answer = {json_answer("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}")}},
    {.name = "body_read_for_the_route_with_trailers",
     .method = "POST",
     .path = "/v1/chat/completions",
     .fields = {{"content-type", "application/json"}},
     .pieces = {"{\"model\":", "\"m\"}"},
     .trailers = {{"x-sum", "7"}},
     .answer = {json_answer("{}")}},
    {.name = "events",
     .method = "POST",
     .path = "/v1/chat/completions",
     .pieces = {"{\"model\":\"m\",\"stream\":true}"},
     .tells_length = true,
     .answer = {event_stream_head(), content_event("a"), content_event("b"), chunk("data: [DONE]\n\n"),
                std::string(kLastChunk)}},
    {.name = "answer_with_trailers",
     .answer = {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk("hello"),
                "0\r\nx-sum: 9\r\n\r\n"}},
    {.name = "answer_until_the_end_of_the_connection",
     .answer = {"HTTP/1.1 200 OK\r\n\r\nhello"},
     .backend_closes = true},
    {.name = "no_content", .answer = {"HTTP/1.1 204 No Content\r\nx-b: 1\r\n\r\n"}},
    {.name = "not_modified", .answer = {"HTTP/1.1 304 Not Modified\r\netag: \"e\"\r\n\r\n"}},
    {.name = "error_of_the_backend",
     .answer = {"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 2\r\n\r\nno"}},
    {.name = "malformed_target", .path = "/files/%zz"},
    {.name = "no_route", .path = "/nowhere"},
    {.name = "method_that_is_not_served", .method = "BREW"},
    {.name = "trace", .method = "TRACE"},
    {.name = "expectation_that_is_not_known",
     .method = "POST",
     .fields = {{"expect", "miracles"}},
     .pieces = {"x"},
     .tells_length = true},
    {.name = "continue",
     .method = "POST",
     .fields = {{"expect", "100-continue"}},
     .pieces = {"x"},
     .tells_length = true,
     .answer = {kOk}},
    {.name = "body_too_large_by_its_length",
     .method = "POST",
     .pieces = {std::string(1'001, 'x')},
     .tells_length = true},
    {.name = "body_too_large",
     .method = "POST",
     .path = "/v1/completions",
     .pieces = {std::string(600, 'x'), std::string(600, 'x')}},
    {.name = "head_too_large", .fields = {{"x", std::string(40'000, 'x')}}},
    {.name = "too_many_headers", .fields = FieldList(101, {"x", "y"})},
    {.name = "target_too_long", .path = "/" + std::string(9'000, 'u')},
    {.name = "early_answer", .method = "POST", .pieces = {"one"}, .answered_early = true, .answer = {kOk}},
    {.name = "cut_answer",
     .answer = {"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"},
     .backend_closes = true},
    {.name = "backend_that_says_nonsense", .answer = {"nonsense\r\n\r\n"}},
};

class ProtocolEqualityTest : public ::testing::TestWithParam<Sent> {};

TEST_P(ProtocolEqualityTest, OnlyTheListedDiffers) {
  Outcome one = over_http1(GetParam());
  Outcome two = over_http2(GetParam());
  EXPECT_EQ(one.request.method, two.request.method);
  EXPECT_EQ(one.request.target, two.request.target);
  EXPECT_EQ(one.request.authority, two.request.authority);
  EXPECT_EQ(one.request.fields, two.request.fields);
  EXPECT_EQ(one.request.length, two.request.length);
  EXPECT_EQ(one.request.body, two.request.body);
  EXPECT_EQ(one.request.whole, two.request.whole);
  EXPECT_EQ(one.request.trailers, two.request.trailers);
  EXPECT_EQ(one.upstream, two.upstream);
  EXPECT_NE(one.status, 0);
  EXPECT_EQ(one.status, two.status);
  remove_of_the_protocol(one.fields);
  remove_of_the_protocol(two.fields);
  EXPECT_EQ(one.fields, two.fields);
  EXPECT_EQ(one.body, two.body);
  EXPECT_EQ(one.trailers, two.trailers);
  EXPECT_EQ(one.complete, two.complete);
  for (std::string& line : two.log)
    line = without(line, "HTTP/2", "HTTP/1.1");
  EXPECT_EQ(one.log, two.log);
}

INSTANTIATE_TEST_SUITE_P(Exchanges, ProtocolEqualityTest, ::testing::ValuesIn(kExchanges),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::test
