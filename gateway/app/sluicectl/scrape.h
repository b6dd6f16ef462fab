#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::ctl {

// A histogram's bucket: observations up to `bound` (seconds), those of the buckets below it included.
struct Bucket {
  double bound = 0;  // infinite for the last
  double count = 0;
};

// One reading of /metrics (Prometheus' text format 0.0.4). Lines that are none are left out.
class Scrape {
 public:
  static Scrape parse(std::string_view text);

  // All series of a name added up, or of them those with this label.
  double sum(std::string_view name, std::string_view label = {}, std::string_view value = {}) const;
  // A histogram of all its series, by bound.
  std::vector<Bucket> histogram(std::string_view name) const;

 private:
  struct Series {
    std::string name;
    std::vector<std::pair<std::string, std::string>> labels;
    double value;
    const std::string* label(std::string_view name) const;
  };
  static std::optional<Series> parse_line(std::string_view line);

  std::vector<Series> series_;
};

// What was observed between two readings of one histogram. A lower count than before means that the process
// began anew: then everything is new.
std::vector<Bucket> since(const std::vector<Bucket>& before, const std::vector<Bucket>& after);

// The value below which a share `q` (0 to 1) of the observations lies, found by linear interpolation in its
// bucket as Prometheus' histogram_quantile does; the highest finite bound where it lies above all of them.
// nullopt without observations.
std::optional<double> quantile(const std::vector<Bucket>& buckets, double q);

}  // namespace sluice::ctl
