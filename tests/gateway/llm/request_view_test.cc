#include "gateway/llm/request_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice::llm {
namespace {

using testing::HasSubstr;

BodyBuffer buffer_of(std::string_view text) {
  BodyBuffer body(std::size_t{64} << 20);
  EXPECT_TRUE(body.append(text));
  return body;
}

// The body lives as long as the view of it.
struct Parsed {
  explicit Parsed(std::string_view text) : body(buffer_of(text)) {
    RequestParser parser;
    view = parser.parse(body);
  }
  const RequestView& operator*() const { return view.value(); }
  const RequestView* operator->() const { return &view.value(); }

  BodyBuffer body;
  Result<RequestView> view = RequestView{};
};

std::string nested(int depth) {
  return "{\"a\":" + std::string(static_cast<std::size_t>(depth - 1), '[') +
         std::string(static_cast<std::size_t>(depth - 1), ']') + "}";
}

std::string with_members(int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i > 0 ? ",\"m" : "\"m") + std::to_string(i) + "\":0";
  return text + "}";
}

TEST(RequestView, ReadsWhatTheGatewayNeeds) {
  const std::string text = R"( {"model" : "org/m-7b", "messages":[{"role":"user","content":"a \"q\" ] }"}],
    "stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":false},
    "max_tokens":16,"max_completion_tokens": 32 ,"n":2,"user":"u1","temperature":0.5e-1,"stop":null} )";
  const Parsed request(text);
  EXPECT_EQ(request->model.view(), "org/m-7b");
  EXPECT_EQ(request->model_span.of(text), "\"org/m-7b\"");
  EXPECT_EQ(request->messages.of(text), R"([{"role":"user","content":"a \"q\" ] }"}])");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_EQ(request->stream_options.of(text), R"({"include_usage":true,"continuous_usage_stats":false})");
  EXPECT_EQ(request->include_usage_span.of(text), "true");
  EXPECT_EQ(request->max_tokens, 16);
  EXPECT_EQ(request->max_completion_tokens, 32);
  EXPECT_EQ(request->n, 2);
  EXPECT_EQ(request->user.view(), "u1");
  EXPECT_FALSE(request->prompt.present());
  EXPECT_FALSE(request->input.present());
  EXPECT_EQ(text.substr(request->first_member, 7), "\"model\"");
}

TEST(RequestView, ReadsPromptAndInputOfAnyType) {
  const std::string text = R"({"prompt" : "a\\" , "input":[[1,2],[3]]})";
  const Parsed request(text);
  EXPECT_EQ(request->prompt.of(text), R"("a\\")");
  EXPECT_EQ(request->input.of(text), "[[1,2],[3]]");
}

TEST(RequestView, AbsentAndNullMembersHaveTheirDefaults) {
  for (const char* text :
       {"{}", R"({"model":null,"stream":null,"max_tokens":null,"max_completion_tokens":null,"n":null,)"
              R"("user":null,"stream_options":null})"}) {
    const Parsed request(text);
    ASSERT_TRUE(request.view) << text;
    EXPECT_EQ(request->model.view(), "");
    EXPECT_FALSE(request->stream);
    EXPECT_FALSE(request->include_usage);
    EXPECT_EQ(request->max_tokens, std::nullopt);
    EXPECT_EQ(request->n, 1);
  }
}

TEST(RequestView, DecodesEscapesOfTheModelAndOfNames) {
  const Parsed request(R"({"m\u006fdel":"a\/b\u00e9\ud83d\ude00\n\"","\u0073tream":true})");
  ASSERT_TRUE(request.view) << request.view.error().detail();
  EXPECT_EQ(request->model.view(), "a/b\xc3\xa9\xf0\x9f\x98\x80\n\"");
  EXPECT_TRUE(request->stream);
}

TEST(RequestView, ModelOutlivesAMoveOfTheViewAndOfTheBody) {
  Parsed request(R"({"model":"\u0061bc","user":"plain"})");
  const RequestView moved = std::move(*request.view);
  const BodyBuffer body = std::move(request.body);
  EXPECT_EQ(moved.model.view(), "abc");
  EXPECT_EQ(moved.user.view(), "plain");
}

TEST(RequestView, TakesDeepestNestingAndMostMembersExactly) {
  EXPECT_TRUE(Parsed(nested(kMaxJsonDepth)).view);
  EXPECT_FALSE(Parsed(nested(kMaxJsonDepth + 1)).view);
  EXPECT_TRUE(Parsed(with_members(kMaxJsonMembers)).view);
  EXPECT_FALSE(Parsed(with_members(kMaxJsonMembers + 1)).view);
}

TEST(RequestView, TakesNumbersAtTheirBounds) {
  const Parsed request(R"({"max_tokens":2147483647,"max_completion_tokens":0,"n":16384})");
  EXPECT_EQ(request->max_tokens, kMaxTokensLimit);
  EXPECT_EQ(request->max_completion_tokens, 0);
  EXPECT_EQ(request->n, kMaxChoices);
}

TEST(RequestView, OneParserReadsBodiesOfEverySizeInTurn) {
  RequestParser parser;
  for (const std::size_t size : {10u, 70'000u, 100u, 3'000'000u, 20'000u}) {
    const std::string text = R"({"prompt":")" + std::string(size, 'x') + R"(","model":"m"})";
    const BodyBuffer body = buffer_of(text);
    const auto request = parser.parse(body);
    ASSERT_TRUE(request) << size;
    EXPECT_EQ(request->model.view(), "m");
    EXPECT_EQ(request->prompt.length, size + 2);
    EXPECT_FALSE(parser.parse(buffer_of("{"))) << "a failure must not spoil the next parse";
  }
}

struct BadBody {
  std::string body;
  std::string message;  // a part of it
  std::string param = "";
};

class RequestViewRefuses : public testing::TestWithParam<BadBody> {};

TEST_P(RequestViewRefuses, WithAMessageThatHelps) {
  const Parsed request(GetParam().body);
  ASSERT_FALSE(request.view) << GetParam().body;
  EXPECT_EQ(request.view.error().kind, ErrorKind::kInvalidBody);
  EXPECT_THAT(request.view.error().detail(), HasSubstr(GetParam().message)) << GetParam().body;
  EXPECT_EQ(request.view.error().param(), GetParam().param) << GetParam().body;
}

INSTANTIATE_TEST_SUITE_P(
    NotJson, RequestViewRefuses,
    testing::Values(BadBody{"", "The body is empty at byte 0"},                                         //
                    BadBody{"  \n", "Expected an object at byte 3"},                                    //
                    BadBody{"[]", "Expected an object at byte 0"},                                      //
                    BadBody{"\"x\"", "Expected an object at byte 0"},                                   //
                    BadBody{"\xef\xbb\xbf{}", "Expected an object at byte"},                            //
                    BadBody{"model=x", "Expected an object at byte 0"},                                 //
                    BadBody{"{", "Expected a member name at byte 1"},                                   //
                    BadBody{"{\"a\"", "Expected ':' at byte 4"},                                        //
                    BadBody{"{\"a\":", "Expected a value at byte 5"},                                   //
                    BadBody{"{\"a\":}", "Expected a value at byte 5"},                                  //
                    BadBody{"{\"a\":1", "Expected ',' or '}' at byte 6"},                               //
                    BadBody{"{\"a\":1,}", "Expected a member name at byte 7"},                          //
                    BadBody{"{\"a\":1 \"b\":2}", "Expected ',' or '}' at byte 7"},                      //
                    BadBody{"{,}", "Expected a member name at byte 1"},                                 //
                    BadBody{"{\"a\" 1}", "Expected ':' at byte 5"},                                     //
                    BadBody{"{a:1}", "Expected a member name at byte 1"},                               //
                    BadBody{"{'a':1}", "Expected a member name at byte 1"},                             //
                    BadBody{"{\"a\":1}}", "Unexpected content behind the object at byte 7"},            //
                    BadBody{"{} {}", "Unexpected content behind the object at byte 3"},                 //
                    BadBody{"{}x", "Unexpected content behind the object at byte 2"},                   //
                    BadBody{std::string("{}\0", 3), "Unexpected content behind the object at byte 2"},  //
                    BadBody{"{\"a\":\"x", "Unclosed string at byte 5"},                                 //
                    BadBody{"{\"a\":\"x\n\"}", "Control character in a string at byte 7"},              //
                    BadBody{"{\"a\":\"\xff\"}", "Invalid UTF-8 at byte 6"},                             //
                    BadBody{"{\"a\":\"\xed\xa0\x80\"}", "Invalid UTF-8 at byte 6"},                     //
                    BadBody{"{\"a\":\"x\xc3", "Invalid UTF-8 at byte 7"},                               //
                    BadBody{"{\"a\":[1,2}", "Expected ',' or ']' at byte 9"},                           //
                    BadBody{"{\"a\":{\"b\":1]}", "Expected ',' or '}' at byte 11"},                     //
                    BadBody{"{\"a\":[1 2]}", "Expected ',' or ']' at byte 8"},                          //
                    BadBody{"{\"a\":[1,]}", "Expected a value at byte 8"},                              //
                    BadBody{"{\"a\":[", "Expected a value or ']' at byte 6"},                           //
                    BadBody{"{\"a\":[{\"b\" 1}]}", "Expected ':' at byte 11"},                          //
                    BadBody{"{\"a\":[{1:1}]}", "Expected a member name or '}' at byte 7"},              //
                    BadBody{"{\"a\":[1,2,,3]}", "Expected a value at byte 10"},
                    BadBody{"{\"a\":[1,2,3,]}", "Expected a value at byte 12"},
                    BadBody{"{\"a\":[1,2,\"x\",:,3]}", "Expected a value at byte 14"},
                    BadBody{"{\"a\":[1,2,3", "Expected ',' or ']' at byte 11"},
                    BadBody{"{\"a\":[1,2,3,", "Expected a value at byte 12"},
                    BadBody{"{\"a\":[nil,#]}", "Expected a value at byte 10"},                            //
                    BadBody{"{\"a\":tru}", "Expected a value at byte 5"},                                 //
                    BadBody{"{\"a\":truex}", "Expected a value at byte 5"},                               //
                    BadBody{"{\"a\":01}", "Expected a value at byte 5"},                                  //
                    BadBody{"{\"a\":1.}", "Expected a value at byte 5"},                                  //
                    BadBody{"{\"a\":-}", "Expected a value at byte 5"},                                   //
                    BadBody{"{\"a\":+1}", "Expected a value at byte 5"},                                  //
                    BadBody{"{\"a\":1e}", "Expected a value at byte 5"},                                  //
                    BadBody{"{\"a\":NaN}", "Expected a value at byte 5"},                                 //
                    BadBody{"{\"a\":1\"x\"}", "Expected a value at byte 5"},                              //
                    BadBody{"{\"a\":\"x\"y}", "Expected ',' or '}' at byte 8"},                           //
                    BadBody{"{\"a\":1}//", "Unexpected content behind the object at byte 7"},             //
                    BadBody{"{\"\\x\":1}", "Invalid escape in the member name at byte 1"},                //
                    BadBody{"{\"\\ud800\":1}", "Invalid escape in the member name at byte 1"},            //
                    BadBody{"{\"model\":\"\\ud800x\"}", "Invalid escape in the string at byte 9"},        //
                    BadBody{"{\"model\":\"\\ude00\"}", "Invalid escape in the string at byte 9"},         //
                    BadBody{"{\"model\":\"\\ud83d\\u0041\"}", "Invalid escape in the string at byte 9"},  //
                    BadBody{"{\"model\":\"\\u12\"}", "Invalid escape in the string at byte 9"},           //
                    BadBody{nested(65), "Nesting is deeper than 64 levels at byte 68"},                   //
                    BadBody{"{\"a\":" + std::string(100000, '['),
                            "Nesting is deeper than 64 levels at byte 68"},  //
                    BadBody{with_members(129), "Too many members at byte"}));

INSTANTIATE_TEST_SUITE_P(
    Members, RequestViewRefuses,
    testing::Values(
        BadBody{R"({"model":"a","model":"b"})", "Duplicate parameter: 'model'", "model"},
        BadBody{R"({"model":"a","x":{"model":"c"},"\u006dodel":"b"})", "Duplicate parameter: 'model'",
                "model"},
        BadBody{R"({"mod\u0065l":"a","mo\u0064el":"b"})", "Duplicate parameter: 'model'", "model"},
        BadBody{R"({"temperature":1,"top_p":1,"temperature":1})", "Duplicate", "temperature"},
        BadBody{R"({"model":"a","Model":"b"})", "Did you mean 'model'?", "Model"},
        BadBody{R"({"MODE\u004c":"a"})", "Did you mean 'model'?", "MODEL"},
        BadBody{R"({"":1,"":1})", "Duplicate", ""},
        BadBody{R"({"stream_options":{"include_usage":false,"include_usag\u0065":true}})", "Duplicate",
                "stream_options.include_usage"},
        BadBody{"{\"" + std::string(100, 'k') + "\":1,\"" + std::string(100, 'k') + "\":1}", "Duplicate",
                std::string(64, 'k')},
        BadBody{R"({"model":7})", "Invalid type for 'model': expected a string, but got a number instead.",
                "model"},
        BadBody{R"({"model":["m"]})", "expected a string, but got an array", "model"},
        BadBody{R"({"model":{"model":"m"}})", "expected a string, but got an object", "model"},
        BadBody{R"({"user":false})", "expected a string, but got a boolean", "user"},
        BadBody{R"({"stream":"true"})", "expected a boolean, but got a string", "stream"},
        BadBody{R"({"stream":1})", "expected a boolean, but got a number", "stream"},
        BadBody{R"({"stream_options":true})", "expected an object, but got a boolean", "stream_options"},
        BadBody{R"({"stream_options":[]})", "expected an object, but got an array", "stream_options"},
        BadBody{R"({"stream_options":{"include_usage":"yes"}})", "expected a boolean, but got a string",
                "stream_options.include_usage"},
        BadBody{R"({"max_tokens":"16"})", "expected an integer, but got a string", "max_tokens"},
        BadBody{R"({"max_tokens":1.5})", "expected an integer, but got a decimal number", "max_tokens"},
        BadBody{R"({"max_tokens":1e3})", "expected an integer, but got a decimal number", "max_tokens"},
        BadBody{R"({"max_tokens":-1})", "below minimum value. Expected a value >= 0.", "max_tokens"},
        BadBody{R"({"max_tokens":2147483648})", "above maximum value. Expected a value <= 2147483647.",
                "max_tokens"},
        BadBody{"{\"max_tokens\":" + std::string(5000, '9') + "}", "above maximum value", "max_tokens"},
        BadBody{"{\"max_completion_tokens\":-" + std::string(50, '9') + "}", "below minimum value",
                "max_completion_tokens"},
        BadBody{R"({"n":0})", "below minimum value. Expected a value >= 1.", "n"},
        BadBody{R"({"n":16385})", "above maximum value", "n"}));

TEST(RequestView, EveryPrefixOfAGoodBodyIsRefused) {
  const std::string text =
      R"({"model":"m\u00e9","messages":[{"role":"user","content":"é"}],"stream":true,"stream_options":{"a":[1,{}]}})";
  ASSERT_TRUE(Parsed(text).view);
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(Parsed(std::string_view(text).substr(0, size)).view) << size;
  }
}

TEST(RequestView, KeepsTheMembersThatWereAskedFor) {
  const std::vector<std::string> names{"b", "model", "o", "s", "t", "x"};
  const BodyBuffer body = buffer_of(
      R"({"s":"a\u0062","t":true,"b":-1.50e3,"o":{"s":1},"model":"m","stream_options":{"x":"no"}})");
  RequestParser parser;
  const auto view = parser.parse(body, {.members = names});
  ASSERT_TRUE(view);
  const auto text = [&](std::size_t i) { return view->members[i].text.view(); };
  EXPECT_EQ(text(0), "-1.50e3");
  EXPECT_EQ(text(1), "m");
  EXPECT_FALSE(view->members[2].is_scalar);
  EXPECT_EQ(text(3), "ab");
  EXPECT_EQ(text(4), "true");
  EXPECT_FALSE(view->members[5].is_scalar) << "only the top level counts";
}

TEST(RequestView, WhatIsNoOpenAiRequestIsNotJudgedAsOne) {
  const BodyBuffer body = buffer_of(
      R"({"model":5,"Model":6,"n":"many","max_tokens":-1,"stream":"yes","stream_options":3,"user":{}})");
  RequestParser parser;
  EXPECT_FALSE(parser.parse(body));
  const auto view = parser.parse(body, {.lenient = true});
  ASSERT_TRUE(view);
  EXPECT_EQ(view->model.view(), "");
  EXPECT_EQ(view->n, 1);
  EXPECT_FALSE(view->stream);
  EXPECT_FALSE(view->max_tokens);
}

}  // namespace
}  // namespace sluice::llm
