#include "config/suggest.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::config {
namespace {

// The distance is quadratic in the lengths, and no key or name is longer.
constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMinPrefix = 3;

// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> suggest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kMaxWord) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t best_distance = std::max<std::size_t>((word.size() + 1) / 3, 1) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kMaxWord) continue;
    // The distance is at least the difference in length.
    if (std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size()) >= best_distance)
      continue;
    const std::size_t d = distance(word, candidate);
    // Every letter wrong is no resemblance, which matters for words of one or two letters.
    if (d < best_distance && d < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = d;
    }
  }
  if (best || word.size() < kMinPrefix) return best;
  const auto begins = [&](std::string_view c) {
    return c.size() >= kMinPrefix && (c.starts_with(word) || word.starts_with(c));
  };
  const auto found = std::ranges::find_if(candidates, begins);
  if (found != candidates.end()) return *found;
  return std::nullopt;
}

}  // namespace sluice::config
