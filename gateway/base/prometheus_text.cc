#include "gateway/base/prometheus_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <stdexcept>

namespace sluice {
namespace {

// The sum of one series over all threads.
struct Merged {
  double value = 0;                    // a gauge, or a histogram's sum
  std::uint64_t count = 0;             // a counter
  std::vector<std::uint64_t> buckets;  // a histogram, not cumulative
};

struct MergedFamily {
  Metrics::FamilyView first;  // the family as the first thread that has it registered it
  std::map<std::string_view, Merged> series;
};

void add(Metrics::Type type, const void* cell, Merged& to) {
  switch (type) {
    case Metrics::Type::kCounter:
      to.count += static_cast<const Counter*>(cell)->value();
      return;
    case Metrics::Type::kGauge:
      to.value += static_cast<const Gauge*>(cell)->value();
      return;
    case Metrics::Type::kHistogram:
      break;
  }
  const auto& histogram = *static_cast<const Histogram*>(cell);
  to.value += histogram.sum();
  to.buckets.resize(histogram.buckets().size());
  for (std::size_t i = 0; i < to.buckets.size(); ++i)
    to.buckets[i] += histogram.buckets()[i].value();
}

std::map<std::string_view, MergedFamily> merge(std::span<const Metrics::Snapshot> threads) {
  std::map<std::string_view, MergedFamily> merged;
  for (const Metrics::Snapshot& snapshot : threads) {
    for (const Metrics::FamilyView& view : snapshot) {
      MergedFamily& family =
          merged.try_emplace(view.name, view, decltype(MergedFamily::series){}).first->second;
      if (family.first.type != view.type || !std::ranges::equal(family.first.bounds, view.bounds)) {
        throw std::logic_error(fmt::format("metric {}: two threads differ in its type or bounds", view.name));
      }
      for (const Metrics::SeriesView& series : view.series)
        add(view.type, series.cell, family.series[series.labels]);
    }
  }
  return merged;
}

// In a help text a quote stands for itself, in a label value it does not.
void append_help(std::string_view help, std::string& out) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string number(std::uint64_t value) {
  return fmt::format_int(value).str();
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

template <class Value>
void append_sample(std::string_view name, std::string_view suffix, std::string_view labels, Value value,
                   std::string& out) {
  const auto open = labels.empty() ? "" : "{";
  const auto close = labels.empty() ? "" : "}";
  fmt::format_to(std::back_inserter(out), "{}{}{}{}{} {}\n", name, suffix, open, labels, close,
                 number(value));
}

void append_histogram(const Metrics::FamilyView& family, std::string_view labels, const Merged& merged,
                      std::string& out) {
  const std::string_view comma = labels.empty() ? "" : ",";
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < merged.buckets.size(); ++i) {
    count += merged.buckets[i];
    const std::string bound = i < family.bounds.size() ? number(family.bounds[i]) : "+Inf";
    append_sample(family.name, "_bucket", fmt::format("{}{}le=\"{}\"", labels, comma, bound), count, out);
  }
  append_sample(family.name, "_sum", labels, merged.value, out);
  // From the same reads as the buckets: a scrape never sees a count that differs from the +Inf bucket.
  append_sample(family.name, "_count", labels, count, out);
}

std::string_view name_of(Metrics::Type type) {
  switch (type) {
    case Metrics::Type::kCounter:
      return "counter";
    case Metrics::Type::kGauge:
      return "gauge";
    case Metrics::Type::kHistogram:
      break;
  }
  return "histogram";
}

void append_family(const MergedFamily& merged, std::string& out) {
  const Metrics::FamilyView& family = merged.first;
  out.append("# HELP ").append(family.name).append(" ");
  append_help(family.help, out);
  out.append("\n# TYPE ").append(family.name).append(" ").append(name_of(family.type)).append("\n");
  for (const auto& [labels, series] : merged.series) {
    switch (family.type) {
      case Metrics::Type::kCounter:
        append_sample(family.name, "", labels, series.count, out);
        break;
      case Metrics::Type::kGauge:
        append_sample(family.name, "", labels, series.value, out);
        break;
      case Metrics::Type::kHistogram:
        append_histogram(family, labels, series, out);
        break;
    }
  }
}

}  // namespace

std::string render_prometheus(std::span<const Metrics* const> threads) {
  std::vector<Metrics::Snapshot> snapshots;  // what is merged points into them
  for (const Metrics* metrics : threads)
    snapshots.push_back(metrics->families());
  std::string out;
  for (const auto& [name, family] : merge(snapshots))
    append_family(family, out);
  return out;
}

}  // namespace sluice
