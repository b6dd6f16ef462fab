#include "backends/worker/model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_device.h"
#include "backends/worker/model/load_error.h"
#include "backends/worker/model/transformer.h"
#include "tests/backends/worker/checkpoint_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string one_tensor_file(const std::string& name) {
  const std::string header = "{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::uint64_t size = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &size, 8);
  return bytes + header + std::string(8, '\0');
}

class CheckpointDirectory : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& bytes) {
    std::ofstream(directory_.path() / file, std::ios::binary) << bytes;
  }

  // What loading says of llama_f32's tensors under a changed configuration.
  std::string refusal(void (*change)(ModelConfig&)) {
    ModelConfig config = load_model_config(fixture_directory("llama_f32"));
    change(config);
    Checkpoint checkpoint(fixture_directory("llama_f32"));
    CpuDevice device;
    try {
      const Transformer model(config, checkpoint, 16, device);
    } catch (const LoadError& error) {
      return error.what();
    }
    return "accepted";
  }

  TemporaryDirectory directory_;
};

TEST_F(CheckpointDirectory, AModelThatFitsItsTensorsLoads) {
  EXPECT_EQ(refusal([](ModelConfig&) {}), "accepted");
}

TEST_F(CheckpointDirectory, AMissingTensorIsNamed) {
  EXPECT_THAT(refusal([](ModelConfig& config) { config.layers = 3; }),
              AllOf(HasSubstr("llama_f32"),
                    HasSubstr("model.layers.2.input_layernorm.weight of shape [24] is missing")));
}

TEST_F(CheckpointDirectory, AWrongShapeIsNamedWithBothShapes) {
  EXPECT_THAT(refusal([](ModelConfig& config) { config.intermediate_size = 41; }),
              AllOf(HasSubstr("model.safetensors"), HasSubstr("model.layers.0.mlp.gate_proj.weight"),
                    HasSubstr("should have shape [41, 24] and has [40, 24]")));
}

TEST_F(CheckpointDirectory, ATensorThatTheModelWouldNotReadIsNamed) {
  EXPECT_THAT(refusal([](ModelConfig& config) { config.layers = 1; }),
              HasSubstr("model.layers.1.input_layernorm.weight is not part of the configured model"));
}

TEST_F(CheckpointDirectory, ATiedHeadThatIsStoredTwiceIsLeftAlone) {
  EXPECT_EQ(refusal([](ModelConfig& config) { config.tied_embeddings = true; }), "accepted");
}

TEST_F(CheckpointDirectory, TensorsAreGatheredFromAllFilesOfAnIndex) {
  write("a.safetensors", one_tensor_file("x"));
  write("b.safetensors", one_tensor_file("y"));
  write("model.safetensors.index.json", R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
  Checkpoint checkpoint(directory_.path());
  EXPECT_EQ(checkpoint.take("x", {2}).size(), 2u);
  EXPECT_THROW(checkpoint.check_all_taken(), LoadError);
  EXPECT_EQ(checkpoint.take("y", {2}).size(), 2u);
  checkpoint.check_all_taken();
}

TEST_F(CheckpointDirectory, HowMuchWasReadIsTold) {
  write("a.safetensors", one_tensor_file("x"));
  write("b.safetensors", one_tensor_file("y"));
  write("model.safetensors.index.json", R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
  std::vector<double> shares;
  Checkpoint checkpoint(directory_.path(), [&](double share) { shares.push_back(share); });
  checkpoint.take("x", {2});
  std::vector<float> one(1);
  const RowSource rows = checkpoint.take_rows("y", {2});
  rows(one);
  rows(one);
  EXPECT_THAT(shares, ::testing::ElementsAre(0.5, 0.75, 1.0));
}

TEST_F(CheckpointDirectory, ATensorTakenPieceByPieceIsTheTensor) {
  for (const char* name : {"llama_f32", "qwen2_bf16", "qwen3_f16"}) {
    Checkpoint checkpoint(fixture_directory(name));
    const ModelConfig config = load_model_config(fixture_directory(name));
    const std::vector<std::int64_t> shape{config.intermediate_size, config.hidden_size};
    const auto whole = checkpoint.take("model.layers.0.mlp.up_proj.weight", shape);
    const RowSource rows = checkpoint.take_rows("model.layers.0.mlp.up_proj.weight", shape);
    std::vector<float> pieces(whole.size());
    const auto columns = static_cast<std::size_t>(config.hidden_size);
    for (std::size_t done = 0; done < pieces.size();) {
      const std::size_t count = std::min(7 * columns, pieces.size() - done);
      rows(std::span(pieces).subspan(done, count));
      done += count;
    }
    EXPECT_EQ(pieces, whole) << name;
  }
  Checkpoint checkpoint(fixture_directory("llama_f32"));
  EXPECT_THROW(checkpoint.take_rows("model.layers.0.mlp.up_proj.weight", {1, 1}), LoadError);
}

TEST_F(CheckpointDirectory, AnIndexMayNotPointOutsideTheCheckpoint) {
  for (const char* name : {"../a.safetensors", "/etc/passwd", "..", ""}) {
    write("model.safetensors.index.json", std::string(R"({"weight_map":{"x":")") + name + R"("}})");
    EXPECT_THROW(Checkpoint{directory_.path()}, LoadError) << name;
  }
}

TEST_F(CheckpointDirectory, ATensorInTwoFilesIsRefused) {
  write("a.safetensors", one_tensor_file("x"));
  write("b.safetensors", one_tensor_file("x"));
  write("model.safetensors.index.json", R"({"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})");
  EXPECT_THROW(Checkpoint{directory_.path()}, LoadError);
}

TEST_F(CheckpointDirectory, ADirectoryWithoutWeightsIsRefused) {
  EXPECT_THROW(Checkpoint{directory_.path()}, LoadError);
}

}  // namespace
}  // namespace sluice::worker
