#include "gateway/base/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <optional>
#include <stdexcept>
#include <tuple>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

constexpr std::string_view kDroppedName = "sluice_metrics_series_dropped_total";
constexpr std::string_view kDroppedHelp =
    "Lookups of a new label set that were given the series \"other\" because the family was full.";

[[noreturn]] void mistake(std::string_view name, std::string_view what) {
  throw std::logic_error("metric " + std::string(name) + ": " + std::string(what));
}

bool is_name(std::string_view text, bool colons) {
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':');
  };
  const auto follows = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, follows);
}

void check_names(Metrics::Type type, std::string_view name, const Labels& sorted) {
  if (!is_name(name, true)) mistake(name, "not a metric name");
  if (type == Metrics::Type::kCounter && !name.ends_with("_total")) {
    mistake(name, "a counter's name ends in _total");
  }
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::string_view label = sorted[i].first;
    if (!is_name(label, false) || label.starts_with("__") || label == "le") {
      mistake(name, "not a label name: " + std::string(label));
    }
    if (i > 0 && sorted[i - 1].first == label) mistake(name, "twice the label " + std::string(label));
  }
}

void check_bounds(std::string_view name, std::span<const double> bounds) {
  const bool rising = std::ranges::is_sorted(bounds, std::less_equal<>());
  const bool finite = std::ranges::all_of(bounds, [](double b) { return std::isfinite(b); });
  if (bounds.empty() || bounds.size() > Metrics::kMaxBounds || !rising || !finite) {
    mistake(name, "bounds are 1 to 64 finite numbers, strictly increasing");
  }
}

// Prometheus rejects a whole scrape that holds one byte that is not UTF-8.
void append_label_value(std::string_view value, std::string& out) {
  for (std::size_t used = 0; !value.empty();) {
    const std::size_t valid = utf8_sequence_length(value);
    const std::string_view piece = valid > 0 ? value.substr(0, valid) : "\xEF\xBF\xBD";
    used += piece.size();
    if (used > Metrics::kMaxLabelValue) return;
    if (piece == "\n") {
      out += "\\n";
    } else {
      if (piece == "\\" || piece == "\"") out += '\\';
      out += piece;
    }
    value.remove_prefix(std::max<std::size_t>(valid, 1));
  }
}

std::string canonical(const Labels& sorted, std::optional<std::string_view> value_of_all = std::nullopt) {
  std::string text;
  for (const auto& [name, value] : sorted) {
    if (!text.empty()) text += ',';
    text.append(name).append("=\"");
    append_label_value(value_of_all.value_or(value), text);
    text += '"';
  }
  return text;
}

}  // namespace

void Histogram::observe(double value) noexcept {
  if (!std::isfinite(value)) return;
  // The first bound that is not below the value; end() is the bucket without a bound.
  const auto bound = std::ranges::lower_bound(bounds_, value);
  buckets_[static_cast<std::size_t>(bound - bounds_.begin())].add();
  sum_.add(value);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t count = 0;
  for (const Counter& bucket : buckets_)
    count += bucket.value();
  return count;
}

struct Metrics::Registry {
  using SeriesMap = std::map<std::string, void*, std::less<>>;  // by canonical labels

  struct Family {
    Type type;
    std::string help;
    std::vector<std::string> label_names;
    std::vector<double> bounds;
    SeriesMap series;
  };

  // Blocks of whole cache lines: the cells of one thread lie together and never beside those of another,
  // although one thread may create the Metrics of all. The cells need no destructor.
  class Arena {
   public:
    template <class T>
    std::span<T> allocate(std::size_t count) {
      static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignof(std::uint64_t));
      const std::size_t bytes = count * sizeof(T);
      if (blocks_.empty() || used_ + bytes > sizeof(Block)) {
        blocks_.push_back(std::make_unique<Block>());
        used_ = 0;
      }
      auto* place = reinterpret_cast<T*>(blocks_.back()->bytes + used_);
      used_ += bytes;
      return {place, count};
    }

   private:
    // Holds the largest cell, a histogram with kMaxBounds.
    struct alignas(64) Block {
      std::byte bytes[4096];
    };
    static_assert(sizeof(Histogram) + (kMaxBounds + 1) * sizeof(Counter) <= sizeof(Block));

    std::vector<std::unique_ptr<Block>> blocks_;
    std::size_t used_ = 0;
  };

  void* find_or_create(Type type, std::string_view name, std::string_view help, Labels labels,
                       std::span<const double> bounds) {
    std::ranges::sort(labels, {}, &Labels::value_type::first);
    Family& family = find_family(type, name, help, labels, bounds);
    std::string key = canonical(labels);
    if (const auto found = family.series.find(key); found != family.series.end()) return found->second;
    if (family.series.size() >= kMaxSeriesPerFamily) {
      if (name != kDroppedName) count_drop(name);
      key = canonical(labels, "other");
    }
    void*& cell = family.series[std::move(key)];
    if (cell == nullptr) cell = create_cell(family);
    return cell;
  }

  Family& find_family(Type type, std::string_view name, std::string_view help, const Labels& sorted,
                      std::span<const double> bounds) {
    const auto found = families.find(name);
    if (found == families.end()) {
      check_names(type, name, sorted);
      if (type == Type::kHistogram) check_bounds(name, bounds);
      Family family{type, std::string(help), {}, {bounds.begin(), bounds.end()}, {}};
      for (const auto& label : sorted)
        family.label_names.emplace_back(label.first);
      return families.emplace(name, std::move(family)).first->second;
    }
    Family& family = found->second;
    if (family.type != type) mistake(name, "registered before with another type");
    if (!std::ranges::equal(family.label_names, sorted, {}, {}, &Labels::value_type::first)) {
      mistake(name, "registered before with other label names");
    }
    if (!std::ranges::equal(family.bounds, bounds)) mistake(name, "registered before with other bounds");
    return family;
  }

  void* create_cell(const Family& family) {
    static_assert(sizeof(Counter) == sizeof(Gauge) && alignof(Counter) == alignof(Gauge));
    switch (family.type) {
      case Type::kCounter:
        return new (small_cell()) Counter();
      case Type::kGauge:
        return new (small_cell()) Gauge();
      case Type::kHistogram:
        break;
    }
    const std::span<Counter> buckets = arena.allocate<Counter>(family.bounds.size() + 1);
    std::uninitialized_default_construct(buckets.begin(), buckets.end());
    return new (arena.allocate<Histogram>(1).data()) Histogram(family.bounds, buckets);
  }

  void* small_cell() {
    if (free.empty()) return arena.allocate<Counter>(1).data();
    void* cell = free.back();
    free.pop_back();
    return cell;
  }

  void remove(std::string_view name, Labels labels) {
    std::ranges::sort(labels, {}, &Labels::value_type::first);
    const auto family = families.find(name);
    if (family == families.end()) return;
    if (family->second.type == Type::kHistogram) mistake(name, "a histogram's series cannot be removed");
    const auto found = family->second.series.find(canonical(labels));
    if (found != family->second.series.end()) removed.push_back(family->second.series.extract(found));
  }

  // Only when no snapshot reads them.
  void reuse_removed() {
    for (const auto& node : removed)
      free.push_back(node.mapped());
    removed.clear();
  }

  void count_drop(std::string_view name) {
    void* cell =
        find_or_create(Type::kCounter, kDroppedName, kDroppedHelp, {{"family", std::string(name)}}, {});
    static_cast<Counter*>(cell)->add();  // under the Metrics' lock, so it has one writer at a time
  }

  std::map<std::string, Family, std::less<>> families;
  Arena arena;
  std::vector<SeriesMap::node_type> removed;  // a snapshot may still read them
  std::vector<void*> free;                    // cells of a counter's or a gauge's size
};

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return *static_cast<Counter*>(registry_->find_or_create(Type::kCounter, name, help, labels, {}));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return *static_cast<Gauge*>(registry_->find_or_create(Type::kGauge, name, help, labels, {}));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help, const Labels& labels,
                              std::span<const double> bounds) {
  const std::lock_guard lock(mutex_);
  return *static_cast<Histogram*>(registry_->find_or_create(Type::kHistogram, name, help, labels, bounds));
}

void Metrics::remove(std::string_view name, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  registry_->remove(name, labels);
  // Acquires what the readers did; a new one cannot come while the lock is held.
  if (readers_.load(std::memory_order_acquire) == 0) registry_->reuse_removed();
}

Metrics::Snapshot Metrics::families() const {
  const std::lock_guard lock(mutex_);
  Snapshot snapshot;
  readers_.fetch_add(1, std::memory_order_relaxed);
  snapshot.readers_.reset(&readers_);
  std::vector<FamilyView>& views = snapshot.families_;
  views.reserve(registry_->families.size());
  for (const auto& [name, family] : registry_->families) {
    FamilyView& view = views.emplace_back(name, family.help, family.type, family.bounds);
    view.series.reserve(family.series.size());
    for (const auto& [labels, cell] : family.series)
      view.series.emplace_back(labels, cell);
  }
  return snapshot;
}

}  // namespace sluice
