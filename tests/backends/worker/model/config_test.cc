#include "backends/worker/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "backends/worker/model/generation_config.h"
#include "backends/worker/model/load_error.h"
#include "backends/worker/model/rope.h"
#include "tests/backends/worker/checkpoint_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string config_with(const std::string& members, const std::string& architecture = "LlamaForCausalLM") {
  return R"({"architectures":[")" + architecture +
         R"("],"vocab_size":100,"hidden_size":64,"intermediate_size":128,"num_hidden_layers":2,)"
         R"("num_attention_heads":4,"max_position_embeddings":256)" +
         members + "}";
}

std::string refusal(const std::string& json) {
  try {
    parse_model_config(json, "config.json");
  } catch (const LoadError& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("config.json: "));
    return error.what();
  }
  return "accepted";
}

TEST(ModelConfig, WhatIsLeftOutHasTheArchitecturesDefaults) {
  const ModelConfig config = parse_model_config(config_with(""), "config.json");
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_FALSE(config.tied_embeddings);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_TRUE(parse_model_config(config_with("", "Qwen2ForCausalLM"), "").qkv_bias);
  EXPECT_TRUE(parse_model_config(config_with("", "Qwen3ForCausalLM"), "").head_norms);
}

TEST(ModelConfig, ThetaIsFoundInBothPlacesThatFilesKeepItIn) {
  EXPECT_EQ(parse_model_config(config_with(R"(,"rope_theta":5e5)"), "").rope.theta, 5e5);
  EXPECT_EQ(
      parse_model_config(config_with(R"(,"rope_parameters":{"rope_type":"default","rope_theta":1e6})"), "")
          .rope.theta,
      1e6);
}

TEST(ModelConfig, EndOfSequenceMayBeOneTokenOrSeveral) {
  EXPECT_THAT(parse_model_config(config_with(R"(,"eos_token_id":7)"), "").eos_token_ids, ElementsAre(7));
  EXPECT_THAT(parse_model_config(config_with(R"(,"eos_token_id":[7,9])"), "").eos_token_ids,
              ElementsAre(7, 9));
  EXPECT_THAT(parse_model_config(config_with(R"(,"eos_token_id":null)"), "").eos_token_ids, ElementsAre());
}

TEST(ModelConfig, WhatWouldMakeTheAnswersWrongIsRefusedByName) {
  EXPECT_THAT(refusal(config_with("", "MixtralForCausalLM")), HasSubstr("architecture MixtralForCausalLM"));
  EXPECT_THAT(refusal(config_with(R"(,"num_local_experts":8)")), HasSubstr("experts (num_local_experts)"));
  EXPECT_THAT(refusal(config_with(R"(,"sliding_window":4096)")), HasSubstr("sliding window"));
  EXPECT_THAT(refusal(config_with(R"(,"use_sliding_window":true)")), HasSubstr("sliding window"));
  EXPECT_THAT(refusal(config_with(R"(,"layer_types":["full_attention","sliding_attention"])")),
              HasSubstr("layer type sliding_attention"));
  EXPECT_THAT(refusal(config_with(R"(,"quantization_config":{"quant_method":"awq"})")),
              HasSubstr("quantised"));
  EXPECT_THAT(refusal(config_with(R"(,"rope_scaling":{"rope_type":"yarn","factor":4})")),
              HasSubstr("rope type yarn"));
  EXPECT_THAT(refusal(config_with(R"(,"hidden_act":"gelu")")), HasSubstr("activation gelu"));
  EXPECT_EQ(refusal(config_with(R"(,"sliding_window":4096,"use_sliding_window":false)")), "accepted");
}

TEST(ModelConfig, SizesThatContradictEachOtherAreRefused) {
  EXPECT_THAT(refusal("{}"), HasSubstr("architecture (none)"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{"), HasSubstr("config.json: "));
  EXPECT_THAT(refusal(R"({"architectures":["LlamaForCausalLM"]})"), HasSubstr("vocab_size is missing"));
  EXPECT_THAT(refusal(config_with(R"(,"num_key_value_heads":3)")), HasSubstr("not a multiple"));
  EXPECT_THAT(refusal(config_with(R"(,"num_key_value_heads":0)")), HasSubstr("num_key_value_heads is 0"));
  EXPECT_THAT(refusal(config_with(R"(,"num_key_value_heads":"4")")),
              HasSubstr("num_key_value_heads is not an integer"));
  EXPECT_THAT(refusal(config_with(R"(,"head_dim":15)")), HasSubstr("head_dim is odd"));
  EXPECT_THAT(refusal(config_with(R"(,"head_dim":99999999999)")), HasSubstr("head_dim is 99999999999"));
  EXPECT_THAT(refusal(config_with(R"(,"rope_theta":0)")), HasSubstr("rope_theta"));
  EXPECT_THAT(refusal(config_with(R"(,"rms_norm_eps":-1)")), HasSubstr("rms_norm_eps"));
}

TEST(RopeTable, LinearScalingStretchesPositions) {
  const RopeTable plain = make_rope_table({}, 8, 9);
  const RopeTable scaled = make_rope_table({10000.0, RopeScaling::kLinear, 4.0}, 8, 9);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_FLOAT_EQ(scaled.sines[8 * 4 + i], plain.sines[2 * 4 + i]);
}

TEST(GenerationConfig, AMissingFileMeansNoDefaults) {
  const GenerationConfig config = load_generation_config(fixture_directory("nowhere"));
  EXPECT_TRUE(config.eos_token_ids.empty());
  EXPECT_FALSE(config.temperature.has_value());
}

TEST(GenerationConfig, DefaultsAreRead) {
  const auto config = parse_generation_config(
      R"({"eos_token_id":[1,2],"temperature":0.6,"top_k":20,"top_p":0.95,"max_new_tokens":64})", "g.json");
  EXPECT_THAT(config.eos_token_ids, ElementsAre(1, 2));
  EXPECT_EQ(config.temperature, 0.6);
  EXPECT_EQ(config.top_k, 20);
  EXPECT_EQ(config.max_new_tokens, 64);
  EXPECT_THROW(parse_generation_config(R"({"eos_token_id":-1})", "g.json"), LoadError);
  EXPECT_THROW(parse_generation_config(R"({"temperature":"hot"})", "g.json"), LoadError);
  for (const char* wrong :
       {R"({"temperature":-0.1})", R"({"temperature":3})", R"({"top_p":0})", R"({"top_p":1e-300})",
        R"({"top_p":1.1})", R"({"min_p":-1})", R"({"min_p":2})", R"({"repetition_penalty":0})",
        R"({"repetition_penalty":1e300})", R"({"top_k":-2})"}) {
    EXPECT_THROW(parse_generation_config(wrong, "g.json"), LoadError) << wrong;
  }
}

}  // namespace
}  // namespace sluice::worker
