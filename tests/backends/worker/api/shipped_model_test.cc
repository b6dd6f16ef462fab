#include <gtest/gtest.h>
#include <simdjson.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "backends/worker/api/api.h"
#include "backends/worker/api/json_writer.h"
#include "backends/worker/device/cpu_device.h"
#include "backends/worker/engine/load_engine.h"
#include "tests/backends/worker/api/http_client.h"

namespace sluice::worker {
namespace {

using simdjson::dom::element;

const std::filesystem::path kSource = SLUICE_SOURCE_DIR;

// Both versions of the model that ships with the worker, asked over HTTP what an independent forward pass
// answered before.
class ShippedModel : public ::testing::TestWithParam<const char*> {
 protected:
  ~ShippedModel() override { loaded_.engine->stop(); }

  static std::filesystem::path directory() { return kSource / "backends/worker/models/tiny" / GetParam(); }

  static ServedModel load_model(const LoadedEngine& loaded) {
    auto model = load_served_model(directory(), loaded.generation);
    if (!model) throw std::runtime_error(model.error().detail());
    model->names = {"tiny"};
    model->max_model_len = loaded.engine->options().max_model_len;
    model->vocab_size = loaded.engine->vocab_size();
    return std::move(*model);
  }

  // The answer, waiting for the engine's thread as long as it takes.
  std::string ask(std::string_view path, const std::string& body) {
    HttpClient client(loop_, api_);
    client.send("POST", path, body);
    const auto work = boost::asio::make_work_guard(loop_.io());
    loop_.io().restart();
    HttpAnswer answer;
    while (!(answer = client.answer()).complete)
      loop_.io().run_one();
    return answer.body;
  }

  // What the goldens of one kind say of this version, a few of them.
  template <class Check>
  void for_some(const char* kind, std::size_t step, Check&& check) {
    simdjson::dom::parser parser;
    const element goldens =
        parser.load((kSource / "tests/backends/worker/goldens/tiny_answers.json").string());
    const simdjson::dom::array cases = goldens[kind].get_array();
    for (std::size_t i = 0; i < cases.size(); i += step)
      check(cases.at(i).value(), cases.at(i)[GetParam()].value());
  }

  CpuDevice device_;
  SteadyClock clock_;
  SystemTime time_;
  Loop loop_{time_, 1};
  LoadedEngine loaded_ = load_engine(directory(), {}, device_, clock_);
  ServedModel model_ = load_model(loaded_);
  EngineGenerator generator_{*loaded_.engine};
  Api api_{loop_, model_, generator_, {.version = "1"}};
};
INSTANTIATE_TEST_SUITE_P(Versions, ShippedModel, ::testing::Values("v1", "v2"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(ShippedModel, AnswersConversationsAsTheGoldensSay) {
  for_some("chat", 12, [&](element question, element expected) {
    const std::string body = R"({"messages":)" + std::string(simdjson::minify(question["messages"].value())) +
                             R"(,"max_tokens":)" + std::to_string(expected["ids"].get_array().size()) + "}";
    simdjson::dom::parser parser;
    const std::string answer = ask("/v1/chat/completions", body);
    const element got = parser.parse(answer);
    EXPECT_EQ(std::string_view(got["choices"].at(0)["message"]["content"]),
              std::string_view(expected["text"]))
        << body;
    EXPECT_EQ(std::string_view(got["choices"].at(0)["finish_reason"]),
              std::string_view(expected["finish_reason"]));
    EXPECT_EQ(std::uint64_t(got["usage"]["prompt_tokens"]), question["prompt_ids"].get_array().size());
    EXPECT_EQ(std::uint64_t(got["usage"]["completion_tokens"]), expected["ids"].get_array().size());
  });
}

TEST_P(ShippedModel, GoesOnWithTextsAsTheGoldensSayWholeAndStreamed) {
  for_some("completions", 4, [&](element question, element expected) {
    std::string prompt;
    JsonWriter(prompt).value(std::string_view(question["prompt"]));
    const std::string rest = R"(,"max_tokens":)" + std::to_string(expected["ids"].get_array().size());
    simdjson::dom::parser parser;
    const std::string whole = ask("/v1/completions", R"({"prompt":)" + prompt + rest + "}");
    const element got = parser.parse(whole);
    EXPECT_EQ(std::string_view(got["choices"].at(0)["text"]), std::string_view(expected["text"]));

    const std::string events = ask("/v1/completions", R"({"prompt":)" + prompt + rest + R"(,"stream":true})");
    std::string streamed;
    for (std::size_t at = 0; (at = events.find("data: {", at)) != std::string::npos; ++at) {
      const element frame = parser.parse(events.substr(at + 6, events.find("\n\n", at) - at - 6));
      streamed += std::string_view(frame["choices"].at(0)["text"]);
    }
    EXPECT_EQ(streamed, std::string_view(expected["text"]));
  });
}

}  // namespace
}  // namespace sluice::worker
