#include "backends/worker/api/hermes_tool_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/llm/text/jinja/value_json.h"

namespace sluice::worker {

// For GoogleTest.
void PrintTo(const ToolCall& call, std::ostream* out) {
  *out << call.name << "(" << call.arguments << ")";
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A stream put together again. Checks on the way that it is one: a call begins once, with its name, in order,
// and what adds nothing is not sent.
class Collected {
 public:
  void add(const ToolDelta& delta) {
    answer.content += delta.content;
    for (const ToolCallDelta& call : delta.calls) {
      if (call.name) {
        EXPECT_EQ(call.index, answer.calls.size());
        EXPECT_EQ(call.arguments, "");
        answer.calls.push_back({*call.name, {}});
        continue;
      }
      EXPECT_EQ(call.index + 1, answer.calls.size());
      EXPECT_NE(call.arguments, "");
      if (!answer.calls.empty()) answer.calls.back().arguments += call.arguments;
    }
  }

  ToolAnswer answer;
};

// Streams `text`, cut at `cuts`, which are in order.
ToolAnswer streamed(std::string_view text, const std::vector<std::size_t>& cuts, bool* malformed = nullptr) {
  HermesToolCalls parser;
  Collected collected;
  std::size_t begin = 0;
  const auto push = [&](std::size_t end) {
    ToolDelta delta;
    parser.push(text.substr(begin, end - begin), delta);
    collected.add(delta);
    begin = end;
  };
  for (const std::size_t cut : cuts)
    push(cut);
  push(text.size());
  ToolDelta rest;
  parser.finish(rest);
  collected.add(rest);
  if (malformed != nullptr) *malformed = parser.malformed();
  return collected.answer;
}

void expect_same(const ToolAnswer& a, const ToolAnswer& b, std::string_view text) {
  EXPECT_EQ(a.content, b.content) << text;
  EXPECT_EQ(a.calls, b.calls) << text;
}

// `text` streamed in every two and three pieces, byte by byte and at random places is always `expected`.
void expect_any_split(std::string_view text, const ToolAnswer& expected) {
  std::vector<std::size_t> everywhere;
  for (std::size_t first = 0; first <= text.size(); ++first) {
    everywhere.push_back(first);
    for (std::size_t second = first; second <= text.size(); second += 3) {
      expect_same(streamed(text, {first, second}), expected, text);
      if (::testing::Test::HasFailure()) return;
    }
  }
  expect_same(streamed(text, everywhere), expected, text);
  std::mt19937 dice(11);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (dice() % 6 == 0) cuts.push_back(at);
    }
    expect_same(streamed(text, cuts), expected, text);
  }
}

const std::string kCall = R"(<tool_call>
{"name": "weather", "arguments": {"city": "Köln", "days": [1, 2], "quote": "\"}</tool_call>"}}
</tool_call>)";
const std::string kCallArguments = R"({"city": "Köln", "days": [1, 2], "quote": "\"}</tool_call>"})";

TEST(HermesToolCalls, AnAnswerWithoutATagIsContentToTheByte) {
  for (const std::string text :
       {"", "plain", " \n a < b <tool <tool_cal> <<tool_call x", "<tool_call", "</tool_call>"}) {
    const ToolAnswer answer = parse_hermes_tool_calls(text);
    EXPECT_EQ(answer.content, text);
    EXPECT_THAT(answer.calls, IsEmpty());
    expect_any_split(text, answer);
  }
}

TEST(HermesToolCalls, ACallIsTakenOutAndTheTextBeforeItKept) {
  const ToolAnswer answer = parse_hermes_tool_calls("Let me look.\n\n<" + kCall + "\nbye");
  EXPECT_EQ(answer.content, "Let me look.\n\n<");
  EXPECT_THAT(answer.calls, ElementsAre(ToolCall{"weather", kCallArguments}));
}

struct Case {
  const char* text;
  const char* content;
  std::vector<ToolCall> calls;
};

// What vLLM's parser makes of these as whole answers, but for the arguments' white space.
const std::vector<Case>& well_formed() {
  static const std::vector<Case> cases{
      {R"(<tool_call>{"name":"f","arguments":{}}</tool_call>)", "", {{"f", "{}"}}},
      {"\n <tool_call> {\"name\": \"f\", \"arguments\": {\"a\": 1 } }\n</tool_call>\n",
       "\n ",
       {{"f", "{\"a\": 1 }"}}},
      {R"(a<tool_call>{"name":"f","arguments":{}}</tool_call>b<tool_call>{"name":"g","arguments":{"x":null}}</tool_call>c)",
       "a",
       {{"f", "{}"}, {"g", R"({"x":null})"}}},
      {R"(<tool_call>{"name":"f","arguments":{}}</tool_call><tool_call>{"name":"f","arguments":{}}</tool_call>)",
       "",
       {{"f", "{}"}, {"f", "{}"}}},
      {R"(<tool_call>{"arguments": {"a": "b"}, "name": "late"}</tool_call>)",
       "",
       {{"late", R"({"a": "b"})"}}},
      {R"(<tool_call>{"id": {"name": "no"}, "name": "f", "x": [1], "arguments": {"name": "n"}, "y": 2}</tool_call>)",
       "",
       {{"f", R"({"name": "n"})"}}},
      {R"(<tool_call>{"name":"a\"b\u00e9","arguments":{}}</tool_call>)", "", {{"a\"b\u00e9", "{}"}}},
      {R"(<tool_call>{"name":"f","arguments":[1]}</tool_call>)", "", {{"f", "[1]"}}},
      {R"(<tool_call>{"name":"f","arguments":"text"}</tool_call>)", "", {{"f", R"("text")"}}},
      {R"(<tool_call>{"name":"f","arguments":-1.5}</tool_call>)", "", {{"f", "-1.5"}}},
      {R"(<tool_call>{"name":"f","arguments": null }</tool_call>)", "", {{"f", "null"}}},
      {R"(x<tool_call>{"name":"f","arguments":{"a":1}})", "x", {{"f", R"({"a":1})"}}},
      {"<tool_call>{\"name\":\"f\",\"arguments\":{}}\n</tool_c", "", {{"f", "{}"}}},
      {R"(<tool_call>{"name":"f","arguments":{"t":"<tool_call>"}}</tool_call> <tool_cal)",
       "",
       {{"f", R"({"t":"<tool_call>"})"}}},
  };
  return cases;
}

TEST(HermesToolCalls, WellFormedAnswersBecomeCalls) {
  for (const Case& example : well_formed()) {
    const ToolAnswer answer = parse_hermes_tool_calls(example.text);
    EXPECT_EQ(answer.content, example.content) << example.text;
    EXPECT_EQ(answer.calls, example.calls) << example.text;
    for (const ToolCall& call : answer.calls)
      EXPECT_TRUE(jinja::parse_json_value(call.arguments).has_value()) << call.arguments;
  }
}

TEST(HermesToolCalls, HoweverAStreamIsCutItsDeltasAddUpToTheWholeAnswer) {
  for (const Case& example : well_formed())
    expect_any_split(example.text, parse_hermes_tool_calls(example.text));
  const std::string mixed = "Größe \xF0\x9F\x98\x80 " + kCall + "\n" + kCall;
  expect_any_split(mixed, parse_hermes_tool_calls(mixed));
}

TEST(HermesToolCalls, AFirstCallThatIsBrokenBeforeItsArgumentsMakesEverythingContent) {
  for (const std::string text :
       {R"(x <tool_call></tool_call> y)", R"(<tool_call>f(1)</tool_call>)",
        R"(<tool_call>[{"name":"f"}]</tool_call>)", R"(<tool_call>{"name":"f"}</tool_call>)",
        R"(<tool_call>{"arguments":{}}</tool_call>)", R"(<tool_call>{"name":1,"arguments":{}}</tool_call>)",
        R"(<tool_call>{"name":"","arguments":{}}</tool_call>)",
        R"(<tool_call>{"arguments":{},"name":["f"]}</tool_call>)", R"(<tool_call>{"name":"f",}</tool_call>)",
        R"(<tool_call>{'name':'f','arguments':{}}</tool_call>)",
        R"(<tool_call>{"name":"f","name":"g","arguments":{}})", R"(a<tool_call>{"na)", R"(<tool_call>)",
        R"(<tool_call>{"arguments":{"a":1}, "name)",
        R"(<tool_call>oops<tool_call>{"name":"f","arguments":{}}</tool_call>)"}) {
    const ToolAnswer answer = parse_hermes_tool_calls(text);
    EXPECT_EQ(answer.content, text);
    EXPECT_THAT(answer.calls, IsEmpty()) << text;
    expect_any_split(text, answer);
  }
}

TEST(HermesToolCalls, ADefectAfterDeltasWereSentMakesAWholeAnswerContentAndEndsAStream) {
  const std::string good = R"(a<tool_call>{"name":"f","arguments":{"x":1}}</tool_call>)";
  const ToolAnswer first{"a", {{"f", R"({"x":1})"}}};
  struct Late {
    std::string text;
    ToolAnswer stream;
  };
  const std::vector<Late> cases{
      {R"(a<tool_call>{"name":"f","arguments":{"x":1]}</tool_call>z)", {"a", {{"f", R"({"x":1)"}}}},
      {R"(a<tool_call>{"name":"f","arguments":{"x":1)", first},
      {R"(a<tool_call>{"name":"f","arguments":{"x":1}} and </tool_call>)", first},
      {R"(a<tool_call>{"name":"f","arguments":{"x":1},"arguments":{}}</tool_call>)", first},
      {R"(a<tool_call>{"name":"f","arguments":{"x":1}}}</tool_call>)", first},
      {good + "<tool_call>oops</tool_call>" + good, first},
      {good + "<tool_call>{\"name\":", first},
  };
  for (const Late& late : cases) {
    const ToolAnswer whole = parse_hermes_tool_calls(late.text);
    EXPECT_EQ(whole.content, late.text);
    EXPECT_THAT(whole.calls, IsEmpty()) << late.text;
    bool malformed = false;
    ToolAnswer stream = streamed(late.text, {}, &malformed);
    EXPECT_TRUE(malformed) << late.text;
    // The unfinished arguments of the second case are sent without their last bracket.
    if (late.text.ends_with(":1")) stream.calls.back().arguments += "}";
    expect_same(stream, late.stream, late.text);
    expect_any_split(late.text, streamed(late.text, {}));
  }
}

TEST(HermesToolCalls, AStreamSendsWhatItKnowsAtOnce) {
  HermesToolCalls parser;
  const auto push = [&](std::string_view text) {
    ToolDelta delta;
    parser.push(text, delta);
    return delta;
  };
  EXPECT_EQ(push("Hi <to").content, "Hi ");
  EXPECT_EQ(push("p>").content, "<top>");
  EXPECT_TRUE(push("<tool_call>\n{\"name\": \"f\", ").empty());
  EXPECT_TRUE(push("\"arguments\": ").empty());
  const ToolDelta begin = push("{\"a\": \"x");
  ASSERT_EQ(begin.calls.size(), 2U);
  EXPECT_EQ(begin.calls[0].name, "f");
  EXPECT_EQ(begin.calls[1].arguments, "{\"a\": \"x");
  EXPECT_EQ(push("y").calls.at(0).arguments, "y");
  EXPECT_EQ(push("\"}}").calls.at(0).arguments, "\"}");
  EXPECT_TRUE(push("\n</tool_call>\n text ").empty());
  EXPECT_EQ(push("<tool_call>{\"name\":\"g\",\"arguments\":{}}").calls.at(0).index, 1U);
  EXPECT_FALSE(parser.malformed());
}

TEST(HermesToolCalls, WhatMustBeHeldBackIsBounded) {
  const std::string filler(HermesToolCalls::kLongestHeld + 1, 'x');
  for (const std::string& begin :
       {std::string("<tool_call>") + std::string(filler.size(), ' '), "<tool_call>{\"" + filler,
        "<tool_call>{\"other\":\"" + filler, "<tool_call>{\"arguments\":\"" + filler,
        "<tool_call>{\"name\":\"" + filler}) {
    HermesToolCalls parser;
    ToolDelta delta;
    parser.push(begin, delta);
    EXPECT_TRUE(parser.malformed());
    EXPECT_EQ(delta.content, begin);
  }
  // Once they are sent arguments may be of any length.
  HermesToolCalls parser;
  ToolDelta delta;
  parser.push("<tool_call>{\"name\":\"f\",\"arguments\":\"" + filler + filler + "\"}", delta);
  EXPECT_FALSE(parser.malformed());
  EXPECT_EQ(delta.calls.at(1).arguments.size(), 2 * filler.size() + 2);
}

TEST(HermesToolCalls, AnyBytesAreTakenTheSameWayHoweverTheyAreCut) {
  const std::vector<std::string_view> pieces{
      "<tool_call>", "</tool_call>", "{", "}", "\"name\"", ":", "\"f\"", ",", "\"arguments\"", "1", "[", "]",
      " ",           "\n",           "<", "x", "\"",       "\\"};
  std::mt19937 dice(5);
  for (int i = 0; i < 3000; ++i) {
    std::string text = dice() % 2 == 0 ? "<tool_call>{\"name\":\"f\",\"arguments\":" : "";
    for (std::size_t n = dice() % 12; n > 0; --n)
      text += pieces[dice() % pieces.size()];
    const ToolAnswer unsplit = streamed(text, {});
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (dice() % 3 == 0) cuts.push_back(at);
    }
    bool malformed = false;
    expect_same(streamed(text, cuts, &malformed), unsplit, text);
    if (!malformed) expect_same(parse_hermes_tool_calls(text), unsplit, text);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::worker
