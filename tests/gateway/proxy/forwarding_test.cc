#include "gateway/proxy/forwarding.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/net/tls_state.h"
#include "tests/support/memory_gateway.h"
#include "tests/support/recording_writer.h"
#include "tests/support/scripted_body.h"

namespace sluice::test {
namespace {

constexpr std::string_view kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

RequestHead head_with(const std::vector<std::pair<std::string, std::string>>& fields) {
  RequestHead head;
  for (const auto& [name, value] : fields)
    head.headers.add(name, value);
  return head;
}

std::string traceparent(const TraceContext& trace) {
  const std::array<char, 55> text = trace.traceparent();
  return {text.data(), text.size()};
}

class TraceContextTest : public ::testing::Test {
 protected:
  TraceContext trace(const std::vector<std::string>& parents) {
    RequestHead head;
    for (const std::string& p : parents)
      head.headers.add("traceparent", p);
    return trace_context(head, random_);
  }
  Random random_{5};
};

TEST_F(TraceContextTest, AValidParentIsContinuedWithASpanOfOurOwn) {
  const std::string parent = "00-" + std::string(kTraceId) + "-00f067aa0ba902b7-01";
  const TraceContext t = trace({parent});
  EXPECT_TRUE(t.continued);
  EXPECT_EQ(t.trace_id, kTraceId);
  EXPECT_EQ(traceparent(t).size(), 55u);
  EXPECT_TRUE(traceparent(t).starts_with("00-" + std::string(kTraceId) + "-"));
  EXPECT_TRUE(traceparent(t).ends_with("-01"));
  EXPECT_NE(traceparent(t).substr(36, 16), "00f067aa0ba902b7");
}

TEST_F(TraceContextTest, TheSpansOfBothSidesAreToldAsNumbers) {
  const TraceContext t = trace({"00-" + std::string(kTraceId) + "-00f067aa0ba902b7-01"});
  EXPECT_EQ(t.parent_id, 0x00f067aa0ba902b7u);
  EXPECT_EQ(t.span_id, std::stoull(traceparent(t).substr(36, 16), nullptr, 16));
  EXPECT_EQ(trace({}).parent_id, 0u);
}

TEST_F(TraceContextTest, TheClientDecidesAboutItsTraceAndTheSamplerAboutANewOne) {
  const TraceSampler all(1'000'000);
  const std::string parent = "00-" + std::string(kTraceId) + "-00f067aa0ba902b7-0";
  EXPECT_TRUE(trace_context(head_with({{"traceparent", parent + "1"}}), random_).sampled);
  EXPECT_FALSE(trace_context(head_with({{"traceparent", parent + "0"}}), random_, all).sampled);
  const TraceContext fresh = trace_context(RequestHead(), random_, all);
  EXPECT_TRUE(fresh.sampled);
  EXPECT_TRUE(traceparent(fresh).ends_with("-01"));
  EXPECT_FALSE(trace_context(RequestHead(), random_).sampled);
}

TEST_F(TraceContextTest, AFutureVersionIsReadAsFarAsItIsKnown) {
  const std::string parent = "cc-" + std::string(kTraceId) + "-00f067aa0ba902b7-01";
  for (const std::string& later : {parent, parent + "-what-the-future-brings"}) {
    const TraceContext t = trace({later});
    EXPECT_TRUE(t.continued) << later;
    EXPECT_EQ(t.trace_id, kTraceId);
    EXPECT_TRUE(traceparent(t).starts_with("00-"));
    EXPECT_EQ(traceparent(t).size(), 55u);
  }
}

TEST_F(TraceContextTest, FlagsThatAreNotDefinedAreNotPassedOn) {
  EXPECT_TRUE(traceparent(trace({"00-" + std::string(kTraceId) + "-00f067aa0ba902b7-ff"})).ends_with("-03"));
  EXPECT_TRUE(traceparent(trace({"00-" + std::string(kTraceId) + "-00f067aa0ba902b7-fc"})).ends_with("-00"));
}

TEST_F(TraceContextTest, AnInvalidParentBeginsANewTrace) {
  const std::string id(kTraceId);
  for (const std::string& bad : std::vector<std::string>{
           "", "00", "00-" + id + "-00f067aa0ba902b7", "00-" + id + "-00f067aa0ba902b7-01-more",
           "ff-" + id + "-00f067aa0ba902b7-01", "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01",
           "00-" + id + "-" + std::string(16, '0') + "-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-" + id + "-00f067aa0ba902b7-0g",
           "cc-" + id + "-00f067aa0ba902b7-01more", "00_" + id + "-00f067aa0ba902b7-01"}) {
    const TraceContext t = trace({bad});
    EXPECT_FALSE(t.continued) << bad;
    EXPECT_NE(t.trace_id, std::string_view(id));
    EXPECT_EQ(t.trace_id.size(), 32u);
    EXPECT_TRUE(traceparent(t).ends_with("-00"));
  }
  const std::string good = "00-" + id + "-00f067aa0ba902b7-01";
  EXPECT_FALSE(trace({good, good}).continued) << "two parents are none";
}

TEST(RequestIdTest, AnIdOfVisibleCharactersIsTakenAndAnyOtherReplaced) {
  Random random(5);
  EXPECT_EQ(request_id(head_with({{"x-request-id", "abc-1/é"}}), random).size(), 32u);
  EXPECT_EQ(request_id(head_with({{"x-request-id", "abc-1/~!"}}), random), "abc-1/~!");
  const std::string longest(128, 'x');
  EXPECT_EQ(request_id(head_with({{"x-request-id", longest}}), random), std::string_view(longest));
  std::set<std::string> made;
  for (const std::string& bad : {std::string(), std::string("two words"), longest + "x"})
    made.emplace(request_id(head_with({{"x-request-id", bad}}), random));
  made.emplace(request_id(head_with({}), random));
  EXPECT_EQ(made.size(), 4u);
  for (const std::string& id : made)
    EXPECT_EQ(id.size(), 32u);
}

TEST(ForwardedClientCertificate, TellsHashSubjectAndTheNamesThatServicesGoBy) {
  PeerCertificate certificate{.subject = "O=Search\\, Inc.,CN=\"c\"",
                              .names = {{"DNS", "a.test"},
                                        {"IP", "10.0.0.1"},
                                        {"URI", "spiffe://a/b"},
                                        {"URI", "urn:x;y"},
                                        {"URI", "urn:\"quoted"},
                                        {"email", "a@b"}},
                              .fingerprint = "ab12",
                              .verified = true};
  EXPECT_EQ(
      forwarded_client_certificate(certificate),
      "Hash=ab12;Subject=\"O=Search\\\\, Inc.,CN=\\\"c\\\"\";DNS=a.test;URI=spiffe://a/b;URI=\"urn:x;y\"");
}

// What a backend receives of a request, as fields in their order.
class UpstreamHeadTest : public ::testing::Test {
 protected:
  std::string forward(const std::string& fields) {
    client_.send("GET /v1/x?q=1 HTTP/1.1\r\nHost: Api.Example:80\r\n" + fields + "\r\n");
    backend_ = gateway_.network.take("one:1");
    return backend_ ? backend_->received() : "";
  }
  MemoryGateway gateway_;
  TestClient client_ = gateway_.connect();
  std::unique_ptr<BackendEnd> backend_;
};

int count(std::string_view text, std::string_view part) {
  int n = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++n;
  return n;
}

TEST_F(UpstreamHeadTest, TheTargetAndOrdinaryFieldsPassUnchanged) {
  const std::string got = forward("Authorization: Bearer k\r\nX-Custom: a, b\r\nAccept: */*\r\n");
  EXPECT_TRUE(got.starts_with("GET /v1/x?q=1 HTTP/1.1\r\n")) << got;
  EXPECT_NE(got.find("Authorization: Bearer k\r\n"), std::string::npos);
  EXPECT_NE(got.find("X-Custom: a, b\r\n"), std::string::npos);
  EXPECT_EQ(count(got, "\r\nhost: "), 1) << got;
}

TEST_F(UpstreamHeadTest, FieldsOfOneConnectionAreNotPassedOn) {
  const std::string got = forward(
      "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n"
      "Upgrade: h2c\r\nProxy-Authorization: Basic x\r\nTrailer: x\r\n");
  for (const char* field :
       {"X-Mine", "Keep-Alive", "TE:", "Upgrade", "Proxy-Authorization", "Trailer", "onnection"})
    EXPECT_EQ(got.find(field), std::string::npos) << field << "\n" << got;
}

TEST_F(UpstreamHeadTest, AClientCannotSpeakForAProxy) {
  const std::string got = forward(
      "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\nX-Forwarded-Host: evil\r\nX-Real-IP: "
      "6.6.6.6\r\n"
      "Forwarded: for=6.6.6.6\r\nX-Sluice-Tenant: root\r\n");
  EXPECT_EQ(got.find("6.6.6.6"), std::string::npos) << got;
  EXPECT_EQ(got.find("evil"), std::string::npos);
  EXPECT_EQ(got.find("Tenant"), std::string::npos);
  EXPECT_EQ(count(got, "x-forwarded-for: memory\r\n"), 1) << got;
  EXPECT_EQ(count(got, "x-forwarded-proto: http\r\n"), 1);
  EXPECT_EQ(count(got, "x-forwarded-host: "), 1);
}

TEST_F(UpstreamHeadTest, AClientCannotSpeakForAProxyThatWritesOtherFieldsThanTheGateway) {
  const std::string got = forward(
      "X-Forwarded-Port: evil\r\nx-forwarded-prefix: evil\r\nX-FORWARDED-USER: evil\r\nX-Forward: kept\r\n");
  EXPECT_EQ(got.find("evil"), std::string::npos) << got;
  EXPECT_EQ(count(got, "X-Forward: kept\r\n"), 1) << got;
}

TEST_F(UpstreamHeadTest, AnUnderscoreInANameHidesNothing) {
  const std::string got = forward(
      "X_Forwarded_For: evil\r\nx-real_ip: evil\r\nX_Sluice_Tenant: evil\r\nX_Forwarded_Port: "
      "evil\r\nClient_Cert: evil\r\nX_Mine: kept\r\n");
  EXPECT_EQ(got.find("evil"), std::string::npos) << got;
  EXPECT_EQ(count(got, "X_Mine: kept\r\n"), 1) << got;
}

TEST_F(UpstreamHeadTest, ViaIsAppended) {
  EXPECT_NE(forward("Via: 1.0 fred\r\n").find("via: 1.0 fred, 1.1 sluice\r\n"), std::string::npos);
}

TEST_F(UpstreamHeadTest, SeveralViaFieldsBecomeOneList) {
  const std::string got = forward("Via: 1.0 fred\r\nX-Between: 1\r\nvia: 1.1 wilma, 1.1 barney\r\n");
  EXPECT_NE(got.find("via: 1.0 fred, 1.1 wilma, 1.1 barney, 1.1 sluice\r\n"), std::string::npos) << got;
}

TEST_F(UpstreamHeadTest, TracingAndTheRequestIdReachTheBackendAndTheClient) {
  const std::string got = forward("X-Request-Id: mine\r\ntracestate: a=1\r\ntraceparent: 00-" +
                                  std::string(kTraceId) + "-00f067aa0ba902b7-01\r\n");
  EXPECT_EQ(count(got, "x-request-id: mine\r\n"), 1) << got;
  EXPECT_EQ(count(got, "traceparent: 00-" + std::string(kTraceId)), 1);
  EXPECT_EQ(count(got, "00f067aa0ba902b7"), 0);
  EXPECT_EQ(count(got, "tracestate: a=1"), 1);
  backend_->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-request-id: other\r\n\r\n");
  EXPECT_EQ(first_answer(client_.receive()).header("x-request-id"), "mine");
  EXPECT_EQ(gateway_.sink.records.at(0).trace_id, kTraceId);
}

TEST_F(UpstreamHeadTest, ATracestateWithoutAValidParentIsDropped) {
  EXPECT_EQ(forward("tracestate: a=1\r\ntraceparent: nonsense\r\n").find("tracestate"), std::string::npos);
}

TEST_F(UpstreamHeadTest, ThePeersAddressIsForwardedWithoutItsPort) {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.1:5000", "10.0.0.1"}, {"[2001:db8::1]:5000", "2001:db8::1"}, {"unix", "unix"}};
  TestLoop t;
  RequestHead head;
  RecordingWriter client(t.loop);
  ScriptedBody body(t.loop, {});
  for (const auto& [peer, expected] : cases) {
    const ServerStream stream{head, body, client, peer, "HTTP/1.1", {}};
    EXPECT_EQ(upstream_head(stream, client_address({}, peer, {}), "id", {}).headers.get("x-forwarded-for"),
              expected);
  }
}

TEST(UpstreamTrailers, WhatMeansNothingBehindABodyOrSpeaksForAProxyIsLeftOut) {
  Headers trailers;
  for (const char* name : {"authorization",
                           "cookie",
                           "content-type",
                           "connection",
                           "te",
                           "trailer",
                           "x-forwarded-for",
                           "x-forwarded-client-cert",
                           "client-cert",
                           "client-cert-chain",
                           "forwarded",
                           "x-real-ip",
                           "X-Sluice-Tenant",
                           "X-Forwarded-Port",
                           "X_Real_IP",
                           "x-request-id",
                           "traceparent",
                           "tracestate",
                           "via",
                           "content-length"})
    trailers.add(name, "x");
  trailers.add("X-Checksum", "1");
  trailers.add("x-checksum", "2");
  std::string kept;
  upstream_trailers(trailers).append_to(kept);
  EXPECT_EQ(kept, "X-Checksum: 1\r\nx-checksum: 2\r\n");
}

TEST(ForwardedHead, WhatATrustedProxySaysIsPassedOnAndExtended) {
  TestLoop t;
  RequestHead head;
  head.set_authority("inside");
  head.headers.add("x-forwarded-for", "6.6.6.6");
  head.headers.add("x-forwarded-for", "203.0.113.9");
  head.headers.add("x-forwarded-proto", "https");
  head.headers.add("x-forwarded-host", "api.example.org");
  head.headers.add("x-real-ip", "6.6.6.6");
  head.headers.add("x-forwarded-port", "8443");
  head.headers.add("x_forwarded_for", "6.6.6.7");
  RecordingWriter client(t.loop);
  ScriptedBody body(t.loop, {});
  const std::vector<IpNetwork> trusted{*IpNetwork::parse("10.0.0.0/8")};
  const ServerStream stream{head, body, client, "10.0.0.1:5000", "HTTP/1.1", {}, nullptr, trusted};
  const ClientAddress address = client_address(head.headers, stream.peer, stream.trusted_proxies);
  const RequestHead sent = upstream_head(stream, address, "id", {});
  EXPECT_EQ(sent.headers.count(HeaderId::kXForwardedFor), 1u);
  EXPECT_EQ(sent.headers.get(HeaderId::kXForwardedFor), "6.6.6.6, 203.0.113.9, 10.0.0.1");
  EXPECT_EQ(sent.headers.get(HeaderId::kXForwardedProto), "https");
  EXPECT_EQ(sent.headers.get(HeaderId::kXForwardedHost), "api.example.org");
  EXPECT_EQ(sent.headers.get("x-forwarded-port"), "8443");
  EXPECT_EQ(sent.headers.get("x_forwarded_for"), "");
  EXPECT_EQ(sent.headers.get(HeaderId::kXRealIp), "203.0.113.9");
}

}  // namespace
}  // namespace sluice::test
