#include "backends/cluster/load_balancer.h"

#include <numeric>

namespace sluice {
namespace {

// Smooth weighted round robin whose set of candidates may differ from call to call: those that are not
// eligible neither earn credit nor pay.
class RoundRobin final : public LoadBalancer {
 public:
  std::optional<std::size_t> pick(std::span<const Candidate> candidates, std::uint64_t, Random&) override {
    credit_.resize(candidates.size());
    std::optional<std::size_t> best;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (!usable(candidates[i])) continue;
      total += candidates[i].weight;
      credit_[i] += candidates[i].weight;
      if (!best || credit_[i] > credit_[*best]) best = i;
    }
    if (best) credit_[*best] -= total;
    return best;
  }

  std::vector<std::int64_t> credit() const override { return credit_; }

  // A round's credit sums to nothing. An endpoint that left took its part with it: what is missing is shared
  // out, or newcomers would wait ever longer for their first turn as others come and go.
  void take_over_credit(std::span<const std::int64_t> credit) override {
    credit_.assign(credit.begin(), credit.end());
    if (credit_.empty()) return;
    const std::int64_t sum = std::accumulate(credit_.begin(), credit_.end(), std::int64_t{0});
    for (std::int64_t& c : credit_)
      c -= sum / static_cast<std::int64_t>(credit_.size());
  }

 private:
  std::vector<std::int64_t> credit_;
};

class LeastLoaded final : public LoadBalancer {
 public:
  std::optional<std::size_t> pick(std::span<const Candidate> candidates, std::uint64_t,
                                  Random& random) override {
    usable_.clear();
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (usable(candidates[i])) usable_.push_back(i);
    }
    if (usable_.empty()) return std::nullopt;
    if (usable_.size() == 1) return usable_.front();
    const std::size_t first = random.below(usable_.size());
    std::size_t second = random.below(usable_.size() - 1);
    if (second >= first) ++second;
    const std::size_t a = usable_[first];
    const std::size_t b = usable_[second];
    return less_loaded(candidates[b], candidates[a]) ? b : a;
  }

 private:
  // (work + 1) / weight, compared without division: the one more is the request to be placed.
  static bool less_loaded(const Candidate& x, const Candidate& y) noexcept {
    return (x.in_flight + 1) * static_cast<std::int64_t>(y.weight) <
           (y.in_flight + 1) * static_cast<std::int64_t>(x.weight);
  }

  std::vector<std::size_t> usable_;
};

}  // namespace

std::unique_ptr<LoadBalancer> make_round_robin() {
  return std::make_unique<RoundRobin>();
}
std::unique_ptr<LoadBalancer> make_least_loaded() {
  return std::make_unique<LeastLoaded>();
}

}  // namespace sluice
