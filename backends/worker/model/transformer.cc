#include "backends/worker/model/transformer.h"

#include "backends/worker/model/rope.h"

namespace sluice::worker {
namespace {

std::size_t product(std::int64_t a, std::int64_t b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

}  // namespace

Transformer::Transformer(const ModelConfig& config, Checkpoint& checkpoint, std::int64_t positions,
                         Device& device)
    : config_(config), device_(device) {
  embedding_ = load_table(checkpoint, "model.embed_tokens.weight",
                          config_.tied_embeddings ? MatrixUse::kBoth : MatrixUse::kLookups);
  for (std::int64_t i = 0; i < config_.layers; ++i)
    layers_.push_back(load_layer(checkpoint, i));
  final_norm_ = load_vector(checkpoint, "model.norm.weight", config_.hidden_size);
  if (config_.tied_embeddings) {
    checkpoint.ignore("lm_head.weight");  // some writers store the tied weight twice
  } else {
    head_ = load_table(checkpoint, "lm_head.weight", MatrixUse::kProducts);
  }
  checkpoint.check_all_taken();

  const RopeTable table = make_rope_table(config_.rope, config_.head_dim, positions);
  cosines_ = device_.upload(table.cosines);
  sines_ = device_.upload(table.sines);
}

std::unique_ptr<Matrix> Transformer::load_table(Checkpoint& checkpoint, const std::string& name,
                                                MatrixUse use) const {
  const std::int64_t vocab = config_.vocab_size;
  const std::int64_t hidden = config_.hidden_size;
  return device_.upload_matrix(product(vocab, 1), product(hidden, 1), use,
                               checkpoint.take_rows(name, {vocab, hidden}));
}

Transformer::Linear Transformer::load_linear(Checkpoint& checkpoint, const std::string& name,
                                             std::int64_t outputs, std::int64_t inputs, bool bias) const {
  Linear linear;
  linear.weight = device_.upload_matrix(product(outputs, 1), product(inputs, 1), MatrixUse::kProducts,
                                        checkpoint.take_rows(name + ".weight", {outputs, inputs}));
  if (bias) linear.bias = load_vector(checkpoint, name + ".bias", outputs);
  return linear;
}

std::unique_ptr<Buffer> Transformer::load_vector(Checkpoint& checkpoint, const std::string& name,
                                                 std::int64_t size) const {
  return device_.upload(checkpoint.take(name, {size}));
}

Transformer::Layer Transformer::load_layer(Checkpoint& checkpoint, std::int64_t index) const {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::string attention = prefix + "self_attn.";
  const std::string mlp = prefix + "mlp.";
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t inner = config_.intermediate_size;
  Layer layer;
  layer.input_norm = load_vector(checkpoint, prefix + "input_layernorm.weight", hidden);
  layer.query = load_linear(checkpoint, attention + "q_proj", config_.query_size(), hidden, config_.qkv_bias);
  layer.key = load_linear(checkpoint, attention + "k_proj", config_.kv_size(), hidden, config_.qkv_bias);
  layer.value = load_linear(checkpoint, attention + "v_proj", config_.kv_size(), hidden, config_.qkv_bias);
  layer.output =
      load_linear(checkpoint, attention + "o_proj", hidden, config_.query_size(), config_.output_bias);
  if (config_.head_norms) {
    layer.query_norm = load_vector(checkpoint, attention + "q_norm.weight", config_.head_dim);
    layer.key_norm = load_vector(checkpoint, attention + "k_norm.weight", config_.head_dim);
  }
  checkpoint.ignore(attention + "rotary_emb.inv_freq");  // old writers store this constant
  layer.attention_norm = load_vector(checkpoint, prefix + "post_attention_layernorm.weight", hidden);
  layer.gate = load_linear(checkpoint, mlp + "gate_proj", inner, hidden, config_.mlp_bias);
  layer.up = load_linear(checkpoint, mlp + "up_proj", inner, hidden, config_.mlp_bias);
  layer.down = load_linear(checkpoint, mlp + "down_proj", hidden, inner, config_.mlp_bias);
  return layer;
}

KvCache Transformer::make_kv_cache(std::int32_t blocks, std::int32_t block_size) const {
  KvCache cache;
  const KvShape shape{blocks, block_size, static_cast<std::int32_t>(config_.kv_heads),
                      static_cast<std::int32_t>(config_.head_dim)};
  for (std::int64_t i = 0; i < config_.layers; ++i)
    cache.layers.push_back(device_.allocate_kv(shape));
  return cache;
}

Workspace Transformer::make_workspace(std::int32_t rows, std::int32_t outputs) const {
  Workspace workspace;
  const auto buffer = [&](std::int64_t columns) { return device_.allocate(product(rows, columns)); };
  workspace.hidden = buffer(config_.hidden_size);
  workspace.normed = buffer(config_.hidden_size);
  workspace.projected = buffer(config_.hidden_size);
  workspace.queries = buffer(config_.query_size());
  workspace.attended = buffer(config_.query_size());
  workspace.keys = buffer(config_.kv_size());
  workspace.values = buffer(config_.kv_size());
  workspace.gate = buffer(config_.intermediate_size);
  workspace.up = buffer(config_.intermediate_size);
  workspace.last = device_.allocate(product(outputs, config_.hidden_size));
  workspace.states = buffer(config_.hidden_size);
  workspace.logits = device_.allocate(product(outputs, config_.vocab_size));
  return workspace;
}

void Transformer::apply(const Linear& linear, const Buffer& in, std::size_t rows, Buffer& out) {
  device_.matmul(in, rows, *linear.weight, linear.bias.get(), out);
}

Buffer& Transformer::forward(const Batch& batch, KvCache& cache, Workspace& workspace) {
  const std::size_t rows = batch.tokens.size();
  const auto epsilon = static_cast<float>(config_.rms_norm_eps);
  device_.embed(*embedding_, batch.tokens, *workspace.hidden);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    device_.rms_norm(*workspace.hidden, rows, *layer.input_norm, epsilon, *workspace.normed);
    attend(layer, batch, *cache.layers[i], workspace);
    device_.add(*workspace.hidden, *workspace.projected, rows * product(config_.hidden_size, 1));
    device_.rms_norm(*workspace.hidden, rows, *layer.attention_norm, epsilon, *workspace.normed);
    feed_forward(layer, rows, workspace);
    device_.add(*workspace.hidden, *workspace.projected, rows * product(config_.hidden_size, 1));
  }
  // Only the rows that are asked for pass the head: it is the largest matrix of a small model.
  take_states(batch.outputs, *workspace.hidden, *workspace.last);
  device_.matmul(*workspace.last, batch.outputs.size(), head_ ? *head_ : *embedding_, nullptr,
                 *workspace.logits);
  take_states(batch.hidden, *workspace.hidden, *workspace.states);
  return *workspace.logits;
}

void Transformer::take_states(const std::vector<std::int32_t>& rows, const Buffer& hidden, Buffer& out) {
  if (rows.empty()) return;
  device_.gather(hidden, rows, product(config_.hidden_size, 1), out);
  device_.rms_norm(out, rows.size(), *final_norm_, static_cast<float>(config_.rms_norm_eps), out);
}

void Transformer::attend(const Layer& layer, const Batch& batch, KvBlocks& cache, Workspace& workspace) {
  const std::size_t rows = batch.tokens.size();
  const auto heads = static_cast<std::int32_t>(config_.heads);
  const auto kv_heads = static_cast<std::int32_t>(config_.kv_heads);
  const auto head_dim = static_cast<std::int32_t>(config_.head_dim);
  apply(layer.query, *workspace.normed, rows, *workspace.queries);
  apply(layer.key, *workspace.normed, rows, *workspace.keys);
  apply(layer.value, *workspace.normed, rows, *workspace.values);
  if (config_.head_norms) {
    const auto epsilon = static_cast<float>(config_.rms_norm_eps);
    device_.rms_norm(*workspace.queries, rows * product(heads, 1), *layer.query_norm, epsilon,
                     *workspace.queries);
    device_.rms_norm(*workspace.keys, rows * product(kv_heads, 1), *layer.key_norm, epsilon, *workspace.keys);
  }
  device_.rope(*workspace.queries, batch.positions, heads, head_dim, *cosines_, *sines_);
  device_.rope(*workspace.keys, batch.positions, kv_heads, head_dim, *cosines_, *sines_);
  device_.write_kv(*workspace.keys, *workspace.values, batch.slots, cache);
  device_.attention(*workspace.queries, heads, cache, batch.sequences, *workspace.attended);
  apply(layer.output, *workspace.attended, rows, *workspace.projected);
}

void Transformer::feed_forward(const Layer& layer, std::size_t rows, Workspace& workspace) {
  apply(layer.gate, *workspace.normed, rows, *workspace.gate);
  apply(layer.up, *workspace.normed, rows, *workspace.up);
  device_.silu_mul(*workspace.gate, *workspace.up, rows * product(config_.intermediate_size, 1),
                   *workspace.gate);
  apply(layer.down, *workspace.gate, rows, *workspace.projected);
}

}  // namespace sluice::worker
