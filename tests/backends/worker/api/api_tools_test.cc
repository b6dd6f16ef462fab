#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kChats = "/v1/chat/completions";

std::string ask(std::string_view further) {
  return R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}])" +
         std::string(further) + "}";
}

class ApiTools : public ApiFixture {
 protected:
  ApiTools() : ApiFixture({.version = "1.2.3", .reads_tools = true}) {
    auto format = text::ChatTemplate::parse(
        "{% if tools %}{% for t in tools %}<{{ t.function.name }}>{% endfor %}{% endif %}"
        "{% for m in messages %}[{{ m.role }}:{{ m.content }}"
        "{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.arguments.x }}{% endfor %}{% endif %}]"
        "{% endfor %}");
    model_.chat_template = std::move(*format);
  }
};

TEST_F(ApiTools, ToolsReachTheTemplateAndTokenize) {
  client_.send("POST", kChats, ask(""));
  EXPECT_EQ(prompt(), "<f>[user:hi]");
  HttpClient other(loop_, api_);
  EXPECT_THAT(other.ask("POST", "/tokenize", ask("")).body, HasSubstr(R"("count":12,)"));
}

TEST_F(ApiTools, CallsOfEarlierTurnsReachTheTemplateAsObjects) {
  client_.send("POST", kChats,
               R"({"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
               R"("function":{"name":"f","arguments":"{\"x\":7}"}}]},{"role":"tool","content":"9"}]})");
  EXPECT_EQ(prompt(), "[assistant:7][tool:9]");
}

TEST_F(ApiTools, ACallIsToldAsOne) {
  client_.send("POST", kChats, ask(""));
  engine_.say(R"(<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>)");
  engine_.say({kEndToken}, FinishReason::kStop);
  const std::string body = client_.answer().body;
  EXPECT_THAT(body, HasSubstr(R"("role":"assistant","content":null,)"));
  EXPECT_THAT(body, ContainsRegex(R"("tool_calls":\[\{"id":"chatcmpl-tool-[0-9a-f]{32}","type":"function",)"
                                  R"("function":\{"name":"f","arguments":"\{\\"x\\": 1\}"\}\}\])"));
  EXPECT_THAT(body, HasSubstr(R"("finish_reason":"tool_calls","stop_reason":null)"));
}

TEST_F(ApiTools, TextInFrontOfACallIsContent) {
  client_.send("POST", kChats, ask(""));
  engine_.say(R"(Well:<tool_call>{"name": "f", "arguments": {}}</tool_call>)", FinishReason::kLength);
  const std::string body = client_.answer().body;
  EXPECT_THAT(body, HasSubstr(R"("content":"Well:",)"));
  EXPECT_THAT(body, HasSubstr(R"("name":"f")"));
}

TEST_F(ApiTools, AnAnswerWithoutCallsIsAsEver) {
  for (const char* choice : {"", R"(,"tool_choice":"auto")", R"(,"tool_choice":"none")"}) {
    client_.send("POST", kChats, ask(choice));
    engine_.say("plain", FinishReason::kLength);
    const std::string body = client_.answer().body;
    EXPECT_THAT(body, HasSubstr(R"("content":"plain",)"));
    EXPECT_THAT(body, Not(HasSubstr("tool_calls")));
    EXPECT_THAT(body, HasSubstr(R"("finish_reason":"length")"));
  }
}

TEST_F(ApiTools, WhoChoosesNoneGetsTheText) {
  client_.send("POST", kChats, ask(R"(,"tool_choice":"none")"));
  engine_.say(R"(<tool_call>{"name": "f", "arguments": {}}</tool_call>)", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("content":"<tool_call>{)"));
}

TEST_F(ApiTools, WithoutParallelCallsTheFirstIsKept) {
  for (const char* stream : {"", R"(,"stream":true)"}) {
    HttpClient client(loop_, api_);
    client.send("POST", kChats, ask(std::string(R"(,"parallel_tool_calls":false)") + stream));
    engine_.say(
        R"(<tool_call>{"name": "f", "arguments": {}}</tool_call><tool_call>{"name": "g", "arguments": {}}</tool_call>)",
        FinishReason::kLength);
    const std::string body = client.answer().body;
    EXPECT_THAT(body, HasSubstr(R"("name":"f")"));
    EXPECT_THAT(body, Not(HasSubstr(R"("name":"g")")));
  }
}

TEST_F(ApiTools, AStreamTellsTheNameThenTheArgumentsPieceByPiece) {
  client_.send("POST", kChats, ask(R"(,"stream":true)"));
  std::string arguments;
  for (const char c : std::string_view(R"(<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>)"))
    engine_.say({c}), client_.answer();
  engine_.say({kEndToken}, FinishReason::kStop);
  const std::string body = client_.answer().body;
  EXPECT_THAT(
      body, ContainsRegex(R"("delta":\{"tool_calls":\[\{"id":"chatcmpl-tool-[0-9a-f]{32}","type":"function",)"
                          R"("index":0,"function":\{"name":"f","arguments":""\}\}\]\})"));
  const std::string_view fragment = R"("tool_calls":[{"index":0,"function":{"arguments":")";
  for (std::size_t at = body.find(fragment); at != std::string::npos; at = body.find(fragment, at + 1)) {
    const std::size_t begin = at + fragment.size();
    arguments += body.substr(begin, body.find("\"}}]", begin) - begin);
  }
  EXPECT_EQ(arguments, R"({\"x\": 1})");
  EXPECT_THAT(body, HasSubstr(R"("finish_reason":"tool_calls")"));
  EXPECT_THAT(body, Not(HasSubstr("<tool")));
}

TEST_F(ApiFixture, WithoutAParserToolsAreRefusedUnlessNoneIsChosen) {
  EXPECT_THAT(post(kChats, ask("")).body, HasSubstr("requires --enable-auto-tool-choice"));
  client_.send("POST", kChats, ask(R"(,"tool_choice":"none")"));
  EXPECT_EQ(engine_.submitted.size(), 1u);
}

}  // namespace
}  // namespace sluice::worker
