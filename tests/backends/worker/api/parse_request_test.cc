#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/worker/api/api_request.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;

struct Refused {
  const char* members;  // beside the prompt
  const char* type;
  const char* param;
};

std::string with_prompt(const char* members) {
  return std::string(R"({"prompt":"x")") + (*members != '\0' ? "," : "") + members + "}";
}

TEST(ParseRequest, RefusesTypesAndValuesAsVllmDoes) {
  const Refused cases[] = {
      {R"("max_tokens":"many")", "Bad Request", "body.max_tokens"},
      {R"("max_tokens":1.5)", "Bad Request", "body.max_tokens"},
      {R"("max_tokens":[1])", "Bad Request", "body.max_tokens"},
      {R"("max_tokens":0)", "BadRequestError", "max_tokens"},
      {R"("max_tokens":-1)", "BadRequestError", "max_tokens"},
      {R"("stream":"perhaps")", "Bad Request", "body.stream"},
      {R"("stream":{})", "Bad Request", "body.stream"},
      {R"("model":7)", "Bad Request", "body.model"},
      {R"("temperature":"warm")", "Bad Request", "body.temperature"},
      {R"("temperature":{})", "Bad Request", "body.temperature"},
      {R"("temperature":-0.1)", "BadRequestError", "temperature"},
      {R"("temperature":2.1)", "BadRequestError", "temperature"},
      {R"("top_p":0)", "BadRequestError", "top_p"},
      {R"("top_p":1.1)", "BadRequestError", "top_p"},
      {R"("top_k":-2)", "BadRequestError", "top_k"},
      {R"("min_p":1.5)", "BadRequestError", "min_p"},
      {R"("presence_penalty":3)", "BadRequestError", "presence_penalty"},
      {R"("frequency_penalty":-3)", "BadRequestError", "frequency_penalty"},
      {R"("repetition_penalty":0)", "BadRequestError", "repetition_penalty"},
      {R"("n":0)", "BadRequestError", "n"},
      {R"("n":16385)", "BadRequestError", "n"},
      {R"("seed":9223372036854775808)", "Bad Request", "body.seed"},
      {R"("min_tokens":-1)", "BadRequestError", "min_tokens"},
      {R"("min_tokens":17)", "BadRequestError", "min_tokens"},
      {R"("stop":"")", "BadRequestError", "stop"},
      {R"("stop":["a",""])", "BadRequestError", "stop"},
      {R"("stop":["a","b","c","d","e"])", "BadRequestError", "stop"},
      {R"("stop":[1])", "Bad Request", "body.stop.0"},
      {R"("stop":1)", "Bad Request", "body.stop"},
      {R"("stop_token_ids":["a"])", "Bad Request", "body.stop_token_ids.0"},
      {R"("stream_options":{"include_usage":true})", "BadRequestError", "stream_options"},
      {R"("stream":true,"stream_options":{"include_usage":"?"})", "Bad Request",
       "body.stream_options.include_usage"},
      {R"("stream_interval":0)", "Bad Request", "body.stream_interval"},
      {R"("cache_salt":"")", "BadRequestError", "cache_salt"},
      {R"("suffix":"tail")", "BadRequestError", "suffix"},
      {R"("thinking_token_budget":5)", "BadRequestError", "thinking_token_budget"},
  };
  for (const Refused& c : cases) {
    const auto request = parse_completion_request(with_prompt(c.members));
    ASSERT_FALSE(request) << c.members;
    EXPECT_EQ(request.error().status, 400) << c.members;
    EXPECT_EQ(request.error().type, c.type) << c.members;
    EXPECT_EQ(request.error().param, c.param) << c.members;
  }
}

TEST(ParseRequest, RefusesByNameWhatWouldChangeTheAnswer) {
  for (const char* members :
       {R"("n":2)", R"("logprobs":0)", R"("prompt_logprobs":1)", R"("logprob_token_ids":[1])",
        R"("logit_bias":{"1":5})", R"("allowed_token_ids":[1])", R"("bad_words":["a"])",
        R"("use_beam_search":true)", R"("structured_outputs":{"regex":"a"})", R"("truncate_prompt_tokens":5)",
        R"("repetition_detection":{"min_count":2})", R"("response_format":{"type":"json_object"})"}) {
    const auto request = parse_completion_request(with_prompt(members));
    ASSERT_FALSE(request) << members;
    EXPECT_THAT(request.error().message, ::testing::HasSubstr("not supported by this server yet")) << members;
  }
}

TEST(ParseRequest, TakesWhatAsksForNothingUnsupported) {
  for (const char* members :
       {"", R"("unknown_to_everybody":{"a":[1]})", R"("n":1)", R"("logprobs":null)", R"("logit_bias":{})",
        R"("bad_words":[])", R"("use_beam_search":false)", R"("response_format":{"type":"text"})",
        R"("temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.1,"seed":-1)", R"("max_tokens":null)",
        R"("max_tokens":16.0)", R"("max_tokens":"16")", R"("stream":"true")", R"("stream":1)",
        R"("temperature":"0.5")", R"("stream_options":{})", R"("guided_json":{"a":1},"best_of":3)",
        R"("user":"somebody")"}) {
    const auto request = parse_completion_request(with_prompt(members));
    EXPECT_TRUE(request) << members << ": " << request.error().message;
  }
}

TEST(ParseRequest, ACompletionHasSixteenTokensUnlessItSaysOtherwise) {
  EXPECT_EQ(parse_completion_request(R"({"prompt":"x"})")->fields.max_tokens, 16);
  EXPECT_EQ(parse_completion_request(R"({"prompt":"x","max_tokens":null})")->fields.max_tokens, 16);
  EXPECT_EQ(parse_completion_request(R"({"prompt":"x","max_tokens":0,"echo":true})")->fields.max_tokens, 0);
}

TEST(ParseRequest, APromptIsATextOrIdsAloneOrInAListOfOne) {
  const auto text = [](const char* json) {
    return std::get<std::string>(parse_completion_request(json)->prompt);
  };
  const auto ids = [](const char* json) {
    return std::get<TokenIds>(parse_completion_request(json)->prompt);
  };
  EXPECT_EQ(text(R"({"prompt":"a"})"), "a");
  EXPECT_EQ(text(R"({"prompt":["a"]})"), "a");
  EXPECT_THAT(ids(R"({"prompt":[1,2]})"), ElementsAre(1, 2));
  EXPECT_THAT(ids(R"({"prompt":[[1,2]]})"), ElementsAre(1, 2));
  for (const char* bad :
       {R"({})", R"({"prompt":null})", R"({"prompt":[]})", R"({"prompt":7})", R"({"prompt":[-1]})",
        R"({"prompt":[[-1]]})", R"({"prompt":["a","b"]})", R"({"prompt":[[1],[2]]})", R"({"prompt":[1,"a"]})",
        R"({"prompt":[true,{}]})", R"({"prompt":{"a":1}})"}) {
    EXPECT_FALSE(parse_completion_request(bad)) << bad;
  }
}

TEST(ParseRequest, ABodyMustBeAJsonObject) {
  for (const char* bad :
       {"", "{", "null", "1", "\"x\"", "[]", "{\"prompt\":\"x\"} x", "{'prompt':'x'}", "\xff"}) {
    for (const auto& error : {parse_completion_request(bad).error(), parse_chat_request(bad).error(),
                              parse_tokenize_request(bad).error(), parse_detokenize_request(bad).error()}) {
      EXPECT_EQ(error.type, "Bad Request") << bad;
      EXPECT_EQ(error.param, "body") << bad;
    }
  }
}

TEST(ParseRequest, OfAMemberThatComesTwiceTheLastCounts) {
  EXPECT_EQ(parse_completion_request(R"({"prompt":"x","max_tokens":1,"max_tokens":2})")->fields.max_tokens,
            2);
}

TEST(ParseRequest, RefusesConversationsThatAreNone) {
  const Refused cases[] = {
      {R"({})", "Bad Request", "body.messages"},
      {R"({"messages":"hi"})", "Bad Request", "body.messages"},
      {R"({"messages":["hi"]})", "Bad Request", "body.messages.0"},
      {R"({"messages":[{"content":"hi"}]})", "Bad Request", "body.messages.0.role"},
      {R"({"messages":[{"role":1}]})", "Bad Request", "body.messages.0.role"},
      {R"({"messages":[{"role":"user","content":7}]})", "Bad Request", "body.messages.0.content"},
      {R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})", "Bad Request",
       "body.messages.0.content.0.text"},
      {R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]})",
       "BadRequestError", "messages"},
      {R"({"messages":[],"tools":[]})", "BadRequestError", "tools"},
      {R"({"messages":[],"tools":[{"type":"function"}]})", "BadRequestError", "tools"},
      {R"({"messages":[],"tool_choice":"auto"})", "BadRequestError", "tool_choice"},
      {R"({"messages":[],"top_logprobs":2})", "BadRequestError", "top_logprobs"},
      {R"({"messages":[],"logprobs":true})", "BadRequestError", "logprobs"},
      {R"({"messages":[],"echo":true})", "BadRequestError", "echo"},
      {R"({"messages":[],"continue_final_message":true})", "BadRequestError", "continue_final_message"},
      {R"({"messages":[],"chat_template":"x"})", "BadRequestError", "chat_template"},
      {R"({"messages":[],"max_completion_tokens":0})", "BadRequestError", "max_completion_tokens"},
  };
  for (const Refused& c : cases) {
    const auto request = parse_chat_request(c.members);
    ASSERT_FALSE(request) << c.members;
    EXPECT_EQ(request.error().type, c.type) << c.members;
    EXPECT_EQ(request.error().param, c.param) << c.members;
  }
}

TEST(ParseRequest, MaxCompletionTokensWinsOverMaxTokens) {
  const auto request = parse_chat_request(R"({"messages":[],"max_tokens":3,"max_completion_tokens":5})");
  EXPECT_EQ(request->fields.max_tokens, 5);
}

TEST(ParseRequest, MessagesAreNormalisedForTheTemplate) {
  const auto request = parse_chat_request(R"({"messages":[
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
        {"type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]},
      {"role":"assistant","tool_calls":[]}],"tool_choice":"none"})");
  ASSERT_TRUE(request) << request.error().message;
  const jinja::List& messages = request->conversation.messages;
  EXPECT_EQ(jinja::to_json(messages[0]), R"({"role": "user", "content": "a\nb"})");
  EXPECT_EQ(jinja::to_json(messages[1]),
            R"({"role": "assistant", "content": "", "reasoning": "hm", "tool_calls": )"
            R"([{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]})");
  EXPECT_EQ(jinja::to_json(messages[2]), R"({"role": "assistant", "content": ""})");
}

}  // namespace
}  // namespace sluice::worker
