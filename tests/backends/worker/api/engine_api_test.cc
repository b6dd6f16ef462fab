#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "backends/worker/api/api.h"
#include "backends/worker/device/cpu_device.h"
#include "backends/worker/engine/load_engine.h"
#include "tests/backends/worker/api/byte_model.h"
#include "tests/backends/worker/api/http_client.h"
#include "tests/backends/worker/checkpoint_fixture.h"

namespace sluice::worker {
namespace {

// The API in front of the real engine with a small checkpoint of random weights, whose ids are read as bytes.
class EngineApi : public ::testing::Test {
 protected:
  EngineApi() {
    model_.max_model_len = loaded_.engine->options().max_model_len;
    model_.vocab_size = loaded_.engine->vocab_size();
    model_.eos_token = 1;
    model_.generation.temperature = 0;
  }
  ~EngineApi() override { loaded_.engine->stop(); }

  // Serves until `done`; every turn waits for news from the engine's thread.
  template <class Done>
  void serve_until(Done&& done) {
    const auto work = boost::asio::make_work_guard(loop_.io());
    loop_.io().restart();
    while (!done())
      loop_.io().run_one();
  }
  HttpAnswer wait_for(HttpClient& client) {
    HttpAnswer answer;
    serve_until([&] { return (answer = client.answer()).complete; });
    return answer;
  }
  std::string ask(std::size_t tokens, const char* members) const {
    return R"({"prompt":)" + ids(reference_.prompt) + R"(,"max_tokens":)" + std::to_string(tokens) +
           R"(,"ignore_eos":true,"return_token_ids":true)" + members + "}";
  }
  static std::string ids(std::span<const std::int32_t> tokens) {
    std::string out = "[";
    for (const std::int32_t token : tokens)
      out += (out.size() > 1 ? "," : "") + std::to_string(token);
    return out + "]";
  }

  const Reference reference_ = load_reference("llama_f32");
  CpuDevice device_;
  SteadyClock clock_;
  SystemTime time_;
  Loop loop_{time_, 1};
  LoadedEngine loaded_ = load_engine(fixture_directory("llama_f32"), {}, device_, clock_);
  ServedModel model_ = byte_model();
  EngineGenerator generator_{*loaded_.engine};
  Api api_{loop_, model_, generator_, {.version = "1"}};
};

TEST_F(EngineApi, AnswersWithTheReferencesTokens) {
  HttpClient client(loop_, api_);
  client.send("POST", "/v1/completions", ask(reference_.greedy.size(), ""));
  EXPECT_THAT(wait_for(client).body, ::testing::HasSubstr("\"token_ids\":" + ids(reference_.greedy)));
}

TEST_F(EngineApi, StreamsTheSameText) {
  HttpClient client(loop_, api_);
  client.send("POST", "/v1/completions", ask(reference_.greedy.size(), R"(,"stream":true)"));
  const std::string body = wait_for(client).body;
  std::string joined;
  for (std::size_t at = 0; (at = body.find("\"token_ids\":[", at)) != std::string::npos; ++at) {
    const std::size_t begin = body.find('[', at);
    joined += (joined.empty() ? "" : ",") + body.substr(begin + 1, body.find(']', begin) - begin - 1);
  }
  EXPECT_EQ("[" + joined + "]", ids(reference_.greedy));
  EXPECT_THAT(body, ::testing::EndsWith("data: [DONE]\n\n"));
}

TEST_F(EngineApi, ManyClientsGetWhatTheyWouldGetAlone) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<HttpClient>(loop_, api_));
    clients.back()->send("POST", "/v1/completions",
                         ask(reference_.greedy.size() - static_cast<std::size_t>(i), ""));
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::span<const std::int32_t> expected(reference_.greedy.data(), reference_.greedy.size() - i);
    EXPECT_THAT(wait_for(*clients[i]).body, ::testing::HasSubstr("\"token_ids\":" + ids(expected)));
  }
}

TEST_F(EngineApi, AClientThatLeavesFreesItsKvCache) {
  HttpClient client(loop_, api_);
  client.send("POST", "/v1/completions", ask(100, R"(,"stream":true)"));
  serve_until([&] { return !client.answer().body.empty(); });
  client.leave();
  // Served after the abort in any case, since the engine takes it before its next step.
  HttpClient next(loop_, api_);
  next.send("POST", "/v1/completions", ask(1, ""));
  EXPECT_EQ(wait_for(next).status, 200);
  const EngineStats stats = loaded_.engine->stats();
  EXPECT_EQ(stats.kv_used_tokens, 0);
  EXPECT_EQ(stats.scheduler.running, 0);
  EXPECT_EQ(stats.scheduler.waiting, 0);
}

}  // namespace
}  // namespace sluice::worker
