#include "backends/worker/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace sluice::worker {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();
// vLLM raises lower temperatures to this: they would overflow, and pick the most probable token anyway.
constexpr float kLowestTemperature = 0.01F;
// top_p sorts only the head of the candidates, so many at first.
constexpr std::size_t kFirstHead = 128;

std::size_t index(std::int32_t token) {
  return static_cast<std::size_t>(token);
}

std::int32_t largest(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

// Whether `tokens` ends with all of `word` but its last token.
bool completes(std::span<const std::int32_t> tokens, std::span<const std::int32_t> word) {
  const auto head = word.first(word.size() - 1);
  return head.size() <= tokens.size() && std::ranges::equal(tokens.last(head.size()), head);
}

}  // namespace

Sampler::Sampler(std::int32_t vocab_size) : counts_(index(vocab_size)) {}

std::int32_t Sampler::pick(std::span<const float> logits, const SamplingParams& params,
                           const SamplingContext& context) {
  logits_.assign(logits.begin(), logits.end());
  shape(params, context);
  for (float& logit : logits_) {
    if (std::isnan(logit)) logit = kImpossible;
    logit = std::min(logit, std::numeric_limits<float>::max());
  }
  const std::int32_t best = largest(logits_);
  if (logits_[index(best)] == kImpossible) return largest(logits);
  return params.greedy() ? best : draw(params, logits_[index(best)], context.draw);
}

void Sampler::shape(const SamplingParams& params, const SamplingContext& context) {
  if (!params.allowed_token_ids.empty()) keep_allowed(params.allowed_token_ids);
  const auto answer = context.tokens.subspan(context.prompt_size);
  for (const auto& word : params.bad_words) {
    if (completes(answer, word)) logits_[index(word.back())] = kImpossible;
  }
  for (const std::int32_t token : context.banned)
    logits_[index(token)] = kImpossible;
  for (const auto& [token, bias] : params.logit_bias)
    logits_[index(token)] += bias;
  penalise(params, context);
}

void Sampler::keep_allowed(std::span<const std::int32_t> allowed) {
  for (const std::int32_t token : allowed)
    counts_[index(token)] = 1;
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    if (counts_[i] == 0) logits_[i] = kImpossible;
  }
  for (const std::int32_t token : allowed)
    counts_[index(token)] = 0;
}

void Sampler::penalise(const SamplingParams& params, const SamplingContext& context) {
  if (const float penalty = params.repetition_penalty; penalty != 1) {
    for (const std::int32_t token : context.tokens) {
      if (counts_[index(token)]++ > 0) continue;
      float& logit = logits_[index(token)];
      logit = logit > 0 ? logit / penalty : logit * penalty;
    }
    for (const std::int32_t token : context.tokens)
      counts_[index(token)] = 0;
  }
  if (params.frequency_penalty == 0 && params.presence_penalty == 0) return;
  const auto answer = context.tokens.subspan(context.prompt_size);
  for (const std::int32_t token : answer)
    ++counts_[index(token)];
  for (const std::int32_t token : answer) {
    if (const std::int32_t count = std::exchange(counts_[index(token)], 0); count > 0) {
      logits_[index(token)] -= params.frequency_penalty * static_cast<float>(count) + params.presence_penalty;
    }
  }
}

// `top`: the largest logit, which is finite. It is always a candidate, with weight 1.
std::int32_t Sampler::draw(const SamplingParams& params, float top, double draw) {
  const double temperature = std::max(params.temperature, kLowestTemperature);
  // min_p · p(most probable) as a distance of logits; everything possible if it is off.
  const double lowest =
      params.min_p > 0 ? std::log(std::min(params.min_p, 1.0F)) : -std::numeric_limits<double>::infinity();
  candidates_.clear();
  double total = 0;
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    if (logits_[i] == kImpossible) continue;
    const double below = (static_cast<double>(logits_[i]) - top) / temperature;
    if (below < lowest) continue;
    const double weight = std::exp(below);
    candidates_.push_back({static_cast<std::int32_t>(i), logits_[i], weight});
    total += weight;
  }
  if (params.top_k > 0 || params.top_p < 1) total = keep_most_probable(params, total);
  double left = draw * total;
  for (const Candidate& candidate : candidates_) {
    left -= candidate.weight;
    if (left < 0) return candidate.token;
  }
  return candidates_.back().token;
}

// top_k, then the fewest of the rest whose probabilities reach top_p, but one at least. `total` is the sum of
// all weights; returns that of what is left.
double Sampler::keep_most_probable(const SamplingParams& params, double total) {
  const auto is_before = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  if (params.top_k > 0 && index(params.top_k) < candidates_.size()) {
    const auto end = candidates_.begin() + params.top_k;
    std::nth_element(candidates_.begin(), end, candidates_.end(), is_before);
    candidates_.erase(end, candidates_.end());
    std::ranges::sort(candidates_, is_before);
    total = 0;
    for (const Candidate& candidate : candidates_)
      total += candidate.weight;
  }
  if (params.top_p >= 1) return total;
  const double wanted = static_cast<double>(params.top_p) * total;
  double reached = 0;
  std::size_t kept = 0;
  for (std::size_t sorted = 0; kept < candidates_.size() && (kept == 0 || reached < wanted); ++kept) {
    if (kept == sorted) {
      sorted = std::min(candidates_.size(), std::max(kFirstHead, sorted * 8));
      std::partial_sort(candidates_.begin() + static_cast<std::ptrdiff_t>(kept),
                        candidates_.begin() + static_cast<std::ptrdiff_t>(sorted), candidates_.end(),
                        is_before);
    }
    reached += candidates_[kept].weight;
  }
  candidates_.erase(candidates_.begin() + static_cast<std::ptrdiff_t>(kept), candidates_.end());
  return reached;
}

}  // namespace sluice::worker
