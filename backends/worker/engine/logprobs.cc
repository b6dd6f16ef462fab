#include "backends/worker/engine/logprobs.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sluice::worker {
namespace {

// ln of the sum of e^logit, by the largest logit so that nothing overflows.
double log_sum_exp(std::span<const float> logits) {
  const double largest = *std::ranges::max_element(logits);
  if (largest == -std::numeric_limits<double>::infinity()) return 0;
  double sum = 0;
  for (const float logit : logits)
    sum += std::exp(static_cast<double>(logit) - largest);
  return largest + std::log(sum);
}

// What is no number counts as impossible, what is infinite as the largest that there is.
std::vector<float> cleaned(std::span<const float> logits) {
  std::vector<float> clean(logits.begin(), logits.end());
  for (float& logit : clean) {
    if (std::isnan(logit)) logit = -std::numeric_limits<float>::infinity();
    logit = std::min(logit, std::numeric_limits<float>::max());
  }
  return clean;
}

class Scale {
 public:
  explicit Scale(std::span<const float> logits) : logits_(logits), norm_(log_sum_exp(logits)) {}

  TokenLogprob of(std::int32_t token) const {
    const float logit = logits_[static_cast<std::size_t>(token)];
    const auto above = std::ranges::count_if(logits_, [logit](float other) { return other > logit; });
    return at_rank(token, static_cast<std::int32_t>(above) + 1);
  }
  TokenLogprob at_rank(std::int32_t token, std::int32_t rank) const {
    return {token, static_cast<float>(logits_[static_cast<std::size_t>(token)] - norm_), rank};
  }

 private:
  std::span<const float> logits_;
  double norm_;
};

}  // namespace

TokenLogprobs top_logprobs(std::span<const float> raw, std::int32_t token, std::int32_t top) {
  const std::vector<float> logits = cleaned(raw);
  const Scale scale(logits);
  TokenLogprobs result{scale.of(token)};
  const auto count = std::min(static_cast<std::size_t>(std::max(top, 0)), logits.size());
  if (count == 0) return result;
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto is_before = [&logits](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::ranges::partial_sort(ids, ids.begin() + static_cast<std::ptrdiff_t>(count), is_before);
  for (std::size_t i = 0; i < count; ++i) {
    // Equals share the rank of the first of them, as a count of those above says it.
    const bool ties =
        i > 0 && logits[static_cast<std::size_t>(ids[i])] == logits[static_cast<std::size_t>(ids[i - 1])];
    const std::int32_t rank = ties ? result.back().rank : static_cast<std::int32_t>(i) + 1;
    result.push_back(scale.at_rank(ids[i], rank));
  }
  return result;
}

TokenLogprobs chosen_logprobs(std::span<const float> raw, std::int32_t token,
                              std::span<const std::int32_t> others) {
  const std::vector<float> logits = cleaned(raw);
  const Scale scale(logits);
  TokenLogprobs result{scale.of(token)};
  for (const std::int32_t other : others)
    result.push_back(scale.of(other));
  return result;
}

}  // namespace sluice::worker
