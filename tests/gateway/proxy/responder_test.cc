#include "gateway/proxy/responder.h"

#include <gtest/gtest.h>

#include "gateway/runtime/child.h"
#include "tests/support/recording_writer.h"
#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

class ResponderTest : public ::testing::Test {
 protected:
  Result<void> answer(Error error, bool in_events = false, std::string allow = {}) {
    Child<Result<void>> run(t_.loop, respond(std::move(error), client_, in_events, std::move(allow)));
    t_.turn();
    return run.result().value();
  }
  void start_answer() {
    Child<Result<void>> run(t_.loop, client_.start({}));
    t_.turn();
  }

  TestLoop t_;
  RecordingWriter client_{t_.loop};
};

TEST_F(ResponderTest, EveryKindOfErrorIsAWholeAnswerInTheOpenAiShape) {
  for (int i = 0; i < kErrorKindCount; ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    const ErrorTraits& t = traits(kind);
    RecordingWriter client(t_.loop);
    Child<Result<void>> run(t_.loop, respond(Error{kind, "secret-detail \"quoted\"\n"}, client, false));
    t_.turn();
    ASSERT_TRUE(run.result().value()) << t.name;
    EXPECT_EQ(client.status(), t.status) << t.name;
    EXPECT_EQ(client.starts(), 1);
    EXPECT_EQ(client.finishes(), 1);
    EXPECT_EQ(client.head().content_length, client.body().size());
    EXPECT_EQ(client.head().headers.get("content-type"), "application/json");
    EXPECT_EQ(client.head().headers.get("retry-after"), t.status == 503 ? "1" : "") << t.name;
    EXPECT_EQ(client.head().headers.has(HeaderId::kContentLength), false);
    EXPECT_TRUE(client.body().starts_with("{\"error\":{\"message\":\"")) << client.body();
    EXPECT_NE(client.body().find("\"type\":\"" + std::string(t.type) + "\""), std::string::npos) << t.name;
    const std::string code = t.code.empty() ? "null" : "\"" + std::string(t.code) + "\"";
    EXPECT_NE(client.body().find("\"code\":" + code), std::string::npos) << t.name;
    // Details about anything but the client's own request are the operator's.
    EXPECT_EQ(client.body().find("secret-detail") != std::string::npos, t.fault == Fault::kDownstream)
        << t.name;
    EXPECT_EQ(client.body().find('\n'), std::string::npos);
  }
}

TEST_F(ResponderTest, TheMemberAtFaultIsNamed) {
  Error error{ErrorKind::kInvalidBody, "you must provide a model parameter"};
  error.set_param("model");
  EXPECT_TRUE(answer(error));
  EXPECT_NE(client_.body().find("\"param\":\"model\""), std::string::npos);
}

TEST_F(ResponderTest, AWrongMethodIsToldTheMethodsOfItsTargetOrAllThereAre) {
  EXPECT_TRUE(answer(Error{ErrorKind::kMethodNotAllowed, ""}, false, "GET, POST"));
  EXPECT_EQ(client_.head().headers.get("allow"), "GET, POST");
  RecordingWriter other(t_.loop);
  Child<Result<void>> run(t_.loop, respond(Error{ErrorKind::kMethodNotAllowed, ""}, other, false));
  EXPECT_EQ(other.head().headers.get("allow"), "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
}

TEST_F(ResponderTest, InAStreamOfEventsTheErrorIsAnEventAndStaysAnError) {
  start_answer();
  const Result<void> outcome = answer(Error{ErrorKind::kUpstreamCut, "cut"}, true);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kUpstreamCut);
  EXPECT_TRUE(client_.body().starts_with("data: {\"error\":{"));
  EXPECT_TRUE(client_.body().ends_with("}}\n\n"));
  EXPECT_EQ(client_.starts(), 1);
  EXPECT_EQ(client_.finishes(), 0);
}

TEST_F(ResponderTest, InAnyOtherAnswerNothingCanBeSaid) {
  start_answer();
  EXPECT_EQ(answer(Error{ErrorKind::kUpstreamCut, "cut"}).error().kind, ErrorKind::kUpstreamCut);
  EXPECT_EQ(client_.body(), "");
  EXPECT_EQ(client_.finishes(), 0);
}

TEST_F(ResponderTest, AClientThatIsGoneIsTheResult) {
  client_.fail_at(1);
  EXPECT_EQ(answer(Error{ErrorKind::kNoEndpoint, ""}).error().kind, ErrorKind::kClientGone);
}

}  // namespace
}  // namespace sluice::test
