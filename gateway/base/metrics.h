#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

// The cells that the request path writes. One thread writes a cell, any thread reads it: a relaxed load and a
// relaxed store, which is a plain add in memory, where fetch_add would be a locked instruction. Two writers
// would lose updates, so each shard has cells of its own (see Metrics).

// Only ever grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  // For a total that is kept elsewhere and sampled at a scrape; a lower one is ignored.
  void raise_to(std::uint64_t total) noexcept {
    if (total > value()) value_.store(total, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. Whole numbers are exact up to 2^53. The values of all shards are summed.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double n) noexcept { set(value() + n); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Counts observations in buckets with fixed upper bounds (inclusive) and one more bucket without a bound.
// Values that are not finite are ignored, since one would spoil the sum for ever.
class Histogram {
 public:
  // `buckets` has one more element than `bounds`; both outlive the histogram.
  Histogram(std::span<const double> bounds, std::span<Counter> buckets) noexcept
      : bounds_(bounds), buckets_(buckets) {}

  void observe(double value) noexcept;

  std::span<const double> bounds() const noexcept { return bounds_; }
  // Observations in each bucket alone; the exposition adds them up.
  std::span<const Counter> buckets() const noexcept { return buckets_; }
  double sum() const noexcept { return sum_.value(); }
  std::uint64_t count() const noexcept;

 private:
  std::span<const double> bounds_;
  std::span<Counter> buckets_;
  Gauge sum_;
};

// Seconds. Requests, time to first token and waits: from 1 ms to the 10 minutes of a long generation.
inline constexpr double kLatencyBuckets[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                             1,     2.5,    5,     10,   30,    60,   120, 300,  600};
// Seconds between two events of one stream: fine around the 10 to 100 ms of a decoding step.
inline constexpr double kTokenGapBuckets[] = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075,
                                              0.1,   0.15,   0.25,  0.5,  1,    2.5,  10,   30};
// Seconds that a loop's timer fires late: every value above 10 ms is felt by clients.
inline constexpr double kLoopLagBuckets[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                             0.05,   0.1,   0.25,   0.5,   1,    5};

// Names and values. Names are [a-zA-Z_][a-zA-Z0-9_]*, without "le" and a leading "__"; their order does not
// matter. Values are any bytes: what is not UTF-8 becomes U+FFFD and what is longer than 128 bytes is cut.
using Labels = std::vector<std::pair<std::string_view, std::string>>;

// The cells of one thread, by metric name and labels. Each shard has one, the control thread has one; a
// scrape merges them all (render_prometheus). No two Metrics share a cache line.
//
// counter(), gauge() and histogram() find or create a cell; the reference is valid as long as the Metrics, or
// until remove() is called for it.
// They cost a lock and a search (0.2 µs), so they are called when a chain is built, or once for a
// label value first met while serving, never for each request: keep the reference. Threads: any may call
// them; the cell's updates belong to one thread.
//
// Limit: kMaxSeriesPerFamily label sets for each name. A new one beyond it gets the series whose label values
// are all "other", and sluice_metrics_series_dropped_total{family} counts the call, so that a label that
// clients choose (a model's name) cannot eat the memory.
//
// Errors: a malformed name, a counter whose name does not end in "_total", or one name with two types, label
// names or bounds is a mistake in the code and throws std::logic_error. Of two help texts the first stays.
class Metrics {
 public:
  static constexpr std::size_t kMaxSeriesPerFamily = 1000;
  static constexpr std::size_t kMaxLabelValue = 128;
  static constexpr std::size_t kMaxBounds = 64;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // The bounds are strictly increasing, finite, 1 to kMaxBounds; they are copied.
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels,
                       std::span<const double> bounds);

  // Ends a series, for what exists no more (an endpoint that discovery dropped); nothing if there is none.
  // Counters and gauges only, since histograms' cells are not reused. The thread that writes the cell calls
  // it, having dropped every reference: the cell serves a later series.
  void remove(std::string_view name, const Labels& labels);

  enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };

  // What a scrape reads. The views point into the Metrics and are valid as long as the Snapshot; the cells go
  // on changing, and a series removed meanwhile stays readable. `labels` is the canonical text without
  // braces: names in order, values escaped.
  struct SeriesView {
    std::string_view labels;
    const void* cell;  // a Counter, Gauge or Histogram, as the family's type says
  };
  struct FamilyView {
    std::string_view name;
    std::string_view help;
    Type type;
    std::span<const double> bounds;  // kHistogram only
    std::vector<SeriesView> series;
  };
  class Snapshot {
   public:
    Snapshot(Snapshot&& other) noexcept = default;
    Snapshot& operator=(Snapshot&&) = delete;

    // In order of name, series in order of labels.
    auto begin() const noexcept { return families_.begin(); }
    auto end() const noexcept { return families_.end(); }
    std::size_t size() const noexcept { return families_.size(); }
    bool empty() const noexcept { return families_.empty(); }
    const FamilyView& operator[](std::size_t index) const noexcept { return families_[index]; }
    const FamilyView& front() const noexcept { return families_.front(); }

   private:
    friend class Metrics;
    Snapshot() = default;
    struct Release {
      void operator()(std::atomic<int>* readers) const noexcept {
        readers->fetch_sub(1, std::memory_order_release);
      }
    };
    std::vector<FamilyView> families_;
    std::unique_ptr<std::atomic<int>, Release> readers_;
  };
  // The Metrics outlive it.
  Snapshot families() const;

 private:
  struct Registry;

  mutable std::mutex mutex_;
  std::unique_ptr<Registry> registry_;   // guarded by mutex_
  mutable std::atomic<int> readers_{0};  // snapshots that live; a new one is counted under mutex_
};

}  // namespace sluice
