#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_device.h"
#include "backends/worker/engine/load_engine.h"
#include "gateway/llm/text/chat_template.h"
#include "gateway/llm/text/detokenizer.h"
#include "gateway/llm/text/jinja/value_json.h"
#include "gateway/llm/text/text_file.h"
#include "gateway/llm/text/tokenizer.h"
#include "tests/backends/worker/engine/recording_sink.h"

namespace sluice::worker {
namespace {

const std::filesystem::path kSource = SLUICE_SOURCE_DIR;

jinja::Value goldens(const char* file) {
  const auto text = text::read_text_file(kSource / "tests/backends/worker/goldens" / file, 64 << 20);
  if (!text) throw std::runtime_error(text.error().detail());
  return jinja::parse_json_value(*text).value();
}

const jinja::Value& member(const jinja::Value& object, std::string_view name) {
  const jinja::Value* value = object.dict()->find(name);
  if (value == nullptr) throw std::runtime_error("the golden has no " + std::string(name));
  return *value;
}

std::vector<std::int32_t> ids(const jinja::Value& list) {
  std::vector<std::int32_t> result;
  for (const jinja::Value& id : *list.list())
    result.push_back(static_cast<std::int32_t>(*id.integer()));
  return result;
}

// Everything that is needed to talk to a shipped version.
struct Shipped {
  explicit Shipped(const std::string& version)
      : directory(kSource / "backends/worker/models/tiny" / version),
        tokenizer(text::Tokenizer::load(directory / "tokenizer.json").value()),
        loaded(load_engine(directory, {}, device, clock)) {}

  RequestId submit(std::vector<std::int32_t> prompt, std::int32_t max_tokens) {
    Request request;
    request.id = loaded.engine->new_id();
    request.prompt = std::make_shared<const std::vector<std::int32_t>>(std::move(prompt));
    request.max_tokens = max_tokens;
    request.sink = sink;
    const RequestId id = request.id;
    EXPECT_EQ(loaded.engine->submit({std::move(request)}), SubmitStatus::kAccepted);
    return id;
  }

  std::string text_of(const std::vector<std::int32_t>& tokens) const {
    text::Detokenizer detokenizer(tokenizer, true);
    std::string text;
    for (const std::int32_t token : tokens)
      detokenizer.push(token, text);
    detokenizer.flush(text);
    return text;
  }

  CpuDevice device;
  SteadyClock clock;
  std::shared_ptr<RecordingSink> sink = std::make_shared<RecordingSink>();
  std::filesystem::path directory;
  text::Tokenizer tokenizer;
  LoadedEngine loaded;
};

class ShippedModel : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Versions, ShippedModel, ::testing::Values("v1", "v2"));

TEST_P(ShippedModel, AnswersEveryQuestionItKnowsByHeartAllOfThemAtOnce) {
  Shipped shipped(GetParam());
  const jinja::Value answers = goldens("tiny_answers.json");
  std::map<RequestId, const jinja::Value*> expected;
  for (const jinja::Value& chat : *member(answers, "chat").list()) {
    expected[shipped.submit(ids(member(chat, "prompt_ids")), 512)] = &chat;
  }
  for (const jinja::Value& completion : *member(answers, "completions").list()) {
    const auto tokens = ids(member(member(completion, GetParam()), "ids"));
    expected[shipped.submit(ids(member(completion, "prompt_ids")),
                            static_cast<std::int32_t>(tokens.size()))] = &completion;
  }
  for (const auto& [id, golden] : expected) {
    const jinja::Value& answer = member(*golden, GetParam());
    const auto got = shipped.sink->wait(id);
    EXPECT_EQ(got.tokens, ids(member(answer, "ids"))) << *member(*golden, "prompt").text();
    EXPECT_EQ(shipped.text_of(got.tokens), *member(answer, "text").text());
    const bool stopped = *member(answer, "finish_reason").text() == "stop";
    EXPECT_EQ(got.finish, stopped ? FinishReason::kStop : FinishReason::kLength);
  }
  EXPECT_GT(expected.size(), 100u);
}

TEST_P(ShippedModel, ItsTemplateAndTokenizerMakeThePromptsThatItWasTrainedOn) {
  const Shipped shipped(GetParam());
  const auto format = text::load_chat_format(shipped.directory).value();
  const auto chat_template = text::ChatTemplate::parse(format.source).value();
  for (const jinja::Value& chat : *member(goldens("tiny_answers.json"), "chat").list()) {
    jinja::Dict variables;
    variables.set("messages", member(chat, "messages"));
    variables.set("add_generation_prompt", true);
    const std::string prompt = chat_template.render(variables).value();
    EXPECT_EQ(prompt, *member(chat, "prompt").text());
    EXPECT_EQ(shipped.tokenizer.encode(prompt, {.add_special_tokens = false}).value(),
              ids(member(chat, "prompt_ids")));
  }
}

TEST_P(ShippedModel, ItsTokenizerEqualsTheOneItWasTrainedWith) {
  const Shipped shipped(GetParam());
  for (const jinja::Value& golden : *member(goldens("tokenizer_goldens.json"), "cases").list()) {
    const std::string& text = *member(golden, "text").text();
    const auto expected = ids(member(golden, "ids"));
    EXPECT_EQ(shipped.tokenizer.encode(text).value(), expected) << text;
    EXPECT_EQ(shipped.tokenizer.decode(expected, false), text);
  }
}

}  // namespace
}  // namespace sluice::worker
