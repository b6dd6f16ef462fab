#include "gateway/app/sluicectl/scrape.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace sluice::ctl {

const std::string* Scrape::Series::label(std::string_view wanted) const {
  const auto found = std::ranges::find(labels, wanted, &std::pair<std::string, std::string>::first);
  return found == labels.end() ? nullptr : &found->second;
}

std::optional<Scrape::Series> Scrape::parse_line(std::string_view line) {
  if (line.empty() || line[0] == '#') return std::nullopt;
  const std::size_t name_end = line.find_first_of("{ ");
  if (name_end == std::string_view::npos) return std::nullopt;
  Series series{std::string(line.substr(0, name_end)), {}, 0};
  std::size_t at = name_end;
  if (line[at] == '{') {
    ++at;
    while (at < line.size() && line[at] != '}') {
      const std::size_t equals = line.find("=\"", at);
      if (equals == std::string_view::npos) return std::nullopt;
      std::string value;
      std::size_t i = equals + 2;
      for (; i < line.size() && line[i] != '"'; ++i) {
        if (line[i] != '\\' || i + 1 == line.size()) {
          value += line[i];
        } else {
          ++i;
          value += line[i] == 'n' ? '\n' : line[i];
        }
      }
      series.labels.emplace_back(line.substr(at, equals - at), std::move(value));
      at = std::min(i + 1, line.size());
      if (at < line.size() && line[at] == ',') ++at;
    }
    ++at;
  }
  if (at >= line.size()) return std::nullopt;
  const std::string number(line.substr(at));
  char* end = nullptr;
  series.value = std::strtod(number.c_str(), &end);
  if (end == number.c_str()) return std::nullopt;
  return series;
}

Scrape Scrape::parse(std::string_view text) {
  Scrape scrape;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (auto series = parse_line(line)) scrape.series_.push_back(std::move(*series));
  }
  return scrape;
}

double Scrape::sum(std::string_view name, std::string_view label, std::string_view value) const {
  double total = 0;
  for (const Series& s : series_) {
    if (s.name != name) continue;
    const std::string* is = label.empty() ? nullptr : s.label(label);
    if (label.empty() || (is != nullptr && *is == value)) total += s.value;
  }
  return total;
}

std::vector<Bucket> Scrape::histogram(std::string_view name) const {
  std::vector<Bucket> buckets;
  for (const Series& s : series_) {
    const std::string* le = s.label("le");
    if (le == nullptr || s.name != std::string(name) + "_bucket") continue;
    const double bound =
        *le == "+Inf" ? std::numeric_limits<double>::infinity() : std::strtod(le->c_str(), nullptr);
    const auto found = std::ranges::find(buckets, bound, &Bucket::bound);
    if (found == buckets.end()) {
      buckets.push_back({bound, s.value});
    } else {
      found->count += s.value;
    }
  }
  std::ranges::sort(buckets, {}, &Bucket::bound);
  return buckets;
}

std::vector<Bucket> since(const std::vector<Bucket>& before, const std::vector<Bucket>& after) {
  if (before.size() != after.size() || after.empty() || after.back().count < before.back().count)
    return after;
  std::vector<Bucket> out = after;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i].count = std::max(0.0, out[i].count - before[i].count);
  return out;
}

std::optional<double> quantile(const std::vector<Bucket>& buckets, double q) {
  if (buckets.empty() || buckets.back().count <= 0) return std::nullopt;
  const double rank = q * buckets.back().count;
  double bound_below = 0;
  double count_below = 0;
  for (const Bucket& bucket : buckets) {
    if (bucket.count >= rank && bucket.count > count_below) {
      if (std::isinf(bucket.bound)) return bound_below;
      return bound_below + (bucket.bound - bound_below) * (rank - count_below) / (bucket.count - count_below);
    }
    if (!std::isinf(bucket.bound)) bound_below = bucket.bound;
    count_below = bucket.count;
  }
  return bound_below;
}

}  // namespace sluice::ctl
