#include "gateway/llm/error_body.h"

#include <gtest/gtest.h>

#include "gateway/base/result.h"

namespace sluice::llm {
namespace {

TEST(ErrorBody, HasOpenAisFourMembers) {
  const Error error{ErrorKind::kInvalidBody, "Invalid type for 'model'.", Retriable::kNever, "model"};
  EXPECT_EQ(
      error_body(error),
      R"({"error":{"message":"Invalid type for 'model'.","type":"invalid_request_error","param":"model","code":null}})");
}

TEST(ErrorBody, WritesTheCodeOfTheKindAndANullParam) {
  EXPECT_EQ(
      error_body(Error{ErrorKind::kModelNotFound, "The model `x` does not exist.", Retriable::kNever, ""}),
      R"({"error":{"message":"The model `x` does not exist.","type":"invalid_request_error","param":null,)"
      R"("code":"model_not_found"}})");
}

TEST(ErrorBody, NeverShowsTheDetailOfAnErrorThatIsNotTheClients) {
  for (int i = 0; i < kErrorKindCount; ++i) {
    const Error error{static_cast<ErrorKind>(i), "connect 10.1.2.3:8000 refused", Retriable::kNever, ""};
    const bool shown = error_body(error).find("10.1.2.3") != std::string::npos;
    EXPECT_EQ(shown, error.fault() == Fault::kDownstream) << traits(error.kind).name;
  }
}

TEST(ErrorBody, HasASentenceForEveryKindWithoutDetail) {
  for (int i = 0; i < kErrorKindCount; ++i) {
    const Error error{static_cast<ErrorKind>(i), "", Retriable::kNever, ""};
    EXPECT_TRUE(client_message(error).ends_with('.')) << traits(error.kind).name;
  }
}

TEST(ErrorBody, EscapesWhatTheClientSent) {
  const Error error{ErrorKind::kInvalidBody, "bad \"x\"\r\n\xff", Retriable::kNever, "a\"\n"};
  const std::string body = error_body(error);
  EXPECT_NE(body.find(R"("message":"bad \"x\"\r\n)"
                      "\xef\xbf\xbd\""),
            std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("param":"a\"\n")"), std::string::npos) << body;
}

TEST(SseErrorEvent, IsOneEventWhateverTheMessageHolds) {
  const Error error{ErrorKind::kInvalidBody, "one\n\ntwo", Retriable::kNever, ""};
  const std::string event = sse_error_event(error);
  EXPECT_EQ(event, "data: " + error_body(error) + "\n\n");
  EXPECT_EQ(event.find("\n\n"), event.size() - 2);
}

}  // namespace
}  // namespace sluice::llm
