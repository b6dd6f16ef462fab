#include "perf/worker/random_model.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include "backends/worker/device/bfloat16.h"

namespace sluice::worker {
namespace {

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
};

std::vector<Tensor> tensors_of(const ModelSizes& s) {
  const std::int64_t head_dim = s.hidden / s.heads;
  std::vector<Tensor> tensors{{"model.embed_tokens.weight", {s.vocab, s.hidden}},
                              {"lm_head.weight", {s.vocab, s.hidden}},
                              {"model.norm.weight", {s.hidden}}};
  for (std::int64_t i = 0; i < s.layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    tensors.push_back({layer + "input_layernorm.weight", {s.hidden}});
    tensors.push_back({layer + "post_attention_layernorm.weight", {s.hidden}});
    tensors.push_back({layer + "self_attn.q_proj.weight", {s.heads * head_dim, s.hidden}});
    tensors.push_back({layer + "self_attn.k_proj.weight", {s.kv_heads * head_dim, s.hidden}});
    tensors.push_back({layer + "self_attn.v_proj.weight", {s.kv_heads * head_dim, s.hidden}});
    tensors.push_back({layer + "self_attn.o_proj.weight", {s.hidden, s.heads * head_dim}});
    tensors.push_back({layer + "mlp.gate_proj.weight", {s.inner, s.hidden}});
    tensors.push_back({layer + "mlp.up_proj.weight", {s.inner, s.hidden}});
    tensors.push_back({layer + "mlp.down_proj.weight", {s.hidden, s.inner}});
  }
  return tensors;
}

std::int64_t elements(const Tensor& tensor) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape)
    count *= size;
  return count;
}

}  // namespace

ModelSizes sizes_of(const std::string& name) {
  if (name == "tiny") return {4, 256, 8, 4, 768, 8192};
  if (name == "mid") return {12, 768, 12, 4, 2048, 32768};
  throw std::invalid_argument("no model " + name + "; tiny and mid are there");
}

void write_random_checkpoint(const std::filesystem::path& folder, const ModelSizes& s) {
  std::ofstream(folder / "config.json") << fmt::format(
      R"({{"architectures": ["LlamaForCausalLM"], "vocab_size": {}, "hidden_size": {}, "intermediate_size": {},)"
      R"( "num_hidden_layers": {}, "num_attention_heads": {}, "num_key_value_heads": {},)"
      R"( "max_position_embeddings": 4096, "torch_dtype": "bfloat16"}})",
      s.vocab, s.hidden, s.inner, s.layers, s.heads, s.kv_heads);
  const auto tensors = tensors_of(s);
  std::string header;
  std::int64_t offset = 0;
  for (const Tensor& tensor : tensors) {
    const std::int64_t end = offset + 2 * elements(tensor);
    header += fmt::format(R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})",
                          header.empty() ? "{" : ",", tensor.name, fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  header += "}";
  std::ofstream file(folder / "model.safetensors", std::ios::binary);
  const auto length = static_cast<std::uint64_t>(header.size());
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file << header;
  std::uint64_t state = 1;
  for (const Tensor& tensor : tensors) {
    const bool norm = tensor.shape.size() == 1;
    const double spread = std::sqrt(3.0 / static_cast<double>(tensor.shape.back()));
    std::vector<std::uint16_t> values(static_cast<std::size_t>(elements(tensor)));
    for (std::uint16_t& value : values) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      const double uniform = static_cast<double>(state >> 33) * 0x1p-30 - 1;  // -1 … 1
      value = to_bfloat16(static_cast<float>(norm ? 1 : spread * uniform));
    }
    file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(2 * values.size()));
  }
  if (!file.flush()) throw std::runtime_error("cannot write " + folder.string());
}

}  // namespace sluice::worker
