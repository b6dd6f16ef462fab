#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

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
      {R"("seed":-9223372036854775809)", "Bad Request", "body.seed"},
      {R"("user":"\"1","seed":123456789012345678901234567890)", "Bad Request", "body.seed"},
      {R"("max_tokens":-123456789012345678901234567890,"temperature":1e-5)", "Bad Request",
       "body.max_tokens"},
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
      {R"("logprobs":-2)", "BadRequestError", "logprobs"},
      {R"("logprobs":"some")", "Bad Request", "body.logprobs"},
      {R"("prompt_logprobs":-2)", "BadRequestError", "prompt_logprobs"},
      {R"("prompt_logprobs":1,"stream":true)", "BadRequestError", "prompt_logprobs"},
      {R"("logit_bias":[1])", "Bad Request", "body.logit_bias"},
      {R"("logit_bias":{"one":1})", "BadRequestError", "logit_bias"},
      {R"("logit_bias":{"1":"much"})", "Bad Request", "body.logit_bias.1"},
      {R"("allowed_token_ids":[])", "BadRequestError", "allowed_token_ids"},
      {R"("allowed_token_ids":["a"])", "Bad Request", "body.allowed_token_ids.0"},
      {R"("top_p":1e-300)", "BadRequestError", "top_p"},
      {R"("top_p":"nan")", "Bad Request", "body.top_p"},
      {R"("temperature":"inf")", "Bad Request", "body.temperature"},
      {R"("repetition_penalty":1e-300)", "BadRequestError", "repetition_penalty"},
      {R"("repetition_penalty":1e300)", "BadRequestError", "repetition_penalty"},
      {R"("logit_bias":{"1":"nan"})", "Bad Request", "body.logit_bias.1"},
      {R"("bad_words":[""])", "BadRequestError", "bad_words"},
      {R"("bad_words":"a")", "Bad Request", "body.bad_words"},
      {R"("truncate_prompt_tokens":-2)", "Bad Request", "body.truncate_prompt_tokens"},
      {R"("truncation_side":"middle")", "Bad Request", "body.truncation_side"},
      {R"("priority":"first")", "Bad Request", "body.priority"},
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
       {R"("use_beam_search":true)", R"("structured_outputs":{"regex":"a"})",
        R"("repetition_detection":{"min_count":2})", R"("response_format":{"type":"json_object"})",
        R"("truncation_side":"right")"}) {
    const auto request = parse_completion_request(with_prompt(members));
    ASSERT_FALSE(request) << members;
    EXPECT_THAT(request.error().message, ::testing::HasSubstr("not supported by this server yet")) << members;
  }
}

TEST(ParseRequest, SamplingIsReadWhole) {
  const auto request = parse_completion_request(with_prompt(
      R"("temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,"repetition_penalty":1.5,"frequency_penalty":0.5,)"
      R"("presence_penalty":-1,"seed":7,"n":3,"logit_bias":{"5":200,"6":-0.5},"allowed_token_ids":[1,2],)"
      R"("bad_words":["a"],"logprobs":2,"logprob_token_ids":[3],"prompt_logprobs":1)"));
  ASSERT_TRUE(request) << request.error().message;
  const SamplingFields& sampling = request->fields.sampling;
  EXPECT_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(sampling.top_p, 0.9);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.min_p, 0.1);
  EXPECT_EQ(sampling.repetition_penalty, 1.5);
  EXPECT_EQ(sampling.frequency_penalty, 0.5);
  EXPECT_EQ(sampling.presence_penalty, -1);
  EXPECT_EQ(sampling.seed, 7);
  EXPECT_EQ(sampling.n, 3);
  EXPECT_THAT(sampling.logit_bias, ElementsAre(std::pair(5, 100.0), std::pair(6, -0.5))) << "cut to 100";
  EXPECT_THAT(*sampling.allowed_token_ids, ElementsAre(1, 2));
  EXPECT_THAT(sampling.bad_words, ElementsAre("a"));
  EXPECT_EQ(sampling.logprobs, 2);
  EXPECT_THAT(sampling.logprob_token_ids, ElementsAre(3));
  EXPECT_EQ(sampling.prompt_logprobs, 1);
  const std::string salt(1025, 's');
  EXPECT_EQ(parse_completion_request(with_prompt((R"("cache_salt":")" + salt + "\"").c_str())).error().param,
            "cache_salt");
  EXPECT_EQ(parse_completion_request(with_prompt(R"("seed":-1)"))->fields.sampling.seed, std::nullopt);
}

TEST(ParseRequest, AnEchoWithLogprobsWantsThoseOfThePrompt) {
  EXPECT_EQ(
      parse_completion_request(with_prompt(R"("echo":true,"logprobs":2)"))->fields.sampling.prompt_logprobs,
      2);
  EXPECT_EQ(parse_completion_request(with_prompt(R"("logprobs":2)"))->fields.sampling.prompt_logprobs,
            std::nullopt);
}

TEST(ParseRequest, ChatLogprobsAreAskedForByAFlag) {
  const auto logprobs = [](const char* members) {
    return parse_chat_request(std::string(R"({"messages":[],)") + members + "}")->fields.sampling.logprobs;
  };
  EXPECT_EQ(logprobs(R"("logprobs":true,"top_logprobs":3)"), 3);
  EXPECT_EQ(logprobs(R"("logprobs":true)"), 0);
  EXPECT_EQ(logprobs(R"("logprobs":false)"), std::nullopt);
  EXPECT_EQ(logprobs(R"("top_logprobs":0)"), std::nullopt);
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

TEST(ParseRequest, APromptIsATextOrIdsOrAListOfThem) {
  const auto prompts = [](const char* json) { return parse_completion_request(json)->prompts; };
  using Prompt = std::variant<std::string, TokenIds>;
  EXPECT_THAT(prompts(R"({"prompt":"a"})"), ElementsAre(Prompt("a")));
  EXPECT_THAT(prompts(R"({"prompt":["a"]})"), ElementsAre(Prompt("a")));
  EXPECT_THAT(prompts(R"({"prompt":["a","b"]})"), ElementsAre(Prompt("a"), Prompt("b")));
  EXPECT_THAT(prompts(R"({"prompt":[1,2]})"), ElementsAre(Prompt(TokenIds{1, 2})));
  EXPECT_THAT(prompts(R"({"prompt":[[1,2],[3]]})"), ElementsAre(Prompt(TokenIds{1, 2}), Prompt(TokenIds{3})));
  for (const char* bad :
       {R"({})", R"({"prompt":null})", R"({"prompt":[]})", R"({"prompt":7})", R"({"prompt":[-1]})",
        R"({"prompt":[[-1]]})", R"({"prompt":[[]]})", R"({"prompt":["a",[]]})", R"({"prompt":["a",7]})",
        R"({"prompt":[1,"a"]})", R"({"prompt":[true,{}]})", R"({"prompt":{"a":1}})"}) {
    EXPECT_FALSE(parse_completion_request(bad)) << bad;
  }
}

TEST(ParseRequest, ThereMayBeAThousandAndTwentyFourPromptsButIdsAreOne) {
  const auto many = [](const std::string& item, int count) {
    std::string json = R"({"prompt":[)" + item;
    for (int i = 1; i < count; ++i)
      json += "," + item;
    return parse_completion_request(json + "]}");
  };
  EXPECT_EQ(many("\"a\"", 1024)->prompts.size(), 1024u);
  EXPECT_EQ(many("\"a\"", 1025).error().param, "prompt");
  EXPECT_EQ(many("[1]", 1025).error().param, "prompt");
  EXPECT_EQ(many("1", 5000)->prompts.size(), 1u);
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
      {R"({"messages":[],"tools":[{"type":"function"}]})", "Bad Request", "body.tools.0.function.name"},
      {R"({"messages":[],"tools":[7]})", "Bad Request", "body.tools.0.function.name"},
      {R"({"messages":[],"tools":[{"function":{"name":"f"}}],"tool_choice":"required"})", "BadRequestError",
       "tool_choice"},
      {R"({"messages":[],"tool_choice":"auto"})", "BadRequestError", "tool_choice"},
      {R"({"messages":[],"top_logprobs":2})", "BadRequestError", "top_logprobs"},
      {R"({"messages":[],"logprobs":true,"top_logprobs":-2})", "BadRequestError", "top_logprobs"},
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
