#include "gateway/app/sluicectl/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "gateway/app/sluicectl/output.h"

namespace sluice::ctl {
namespace {

double rate(double before, double after, double seconds) {
  if (seconds <= 0) return 0;
  return (after < before ? after : after - before) / seconds;
}

// At most five characters: 0.00, 1.25, 12.5, 1250, 12.5k, 3.1M.
std::string short_number(double value) {
  if (value >= 999'500) return fmt::format("{:.1f}M", value / 1e6);
  if (value >= 9'999.5) return fmt::format("{:.1f}k", value / 1e3);
  if (value >= 99.95) return fmt::format("{:.0f}", value);
  if (value >= 9.995) return fmt::format("{:.1f}", value);
  return fmt::format("{:.2f}", value);
}

std::string latency(const std::optional<double>& seconds) {
  if (!seconds) return "-";
  if (*seconds < 0.9995) return fmt::format("{:.{}f}ms", *seconds * 1000, *seconds < 0.00995 ? 1 : 0);
  return fmt::format("{:.{}f}s", *seconds, *seconds < 9.995 ? 2 : 0);
}

// Cut to the width, the last character then an ellipsis; or filled with spaces.
std::string fit(std::string_view text, std::size_t width) {
  std::string out = printable(text);
  if (display_width(out) > width) {
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
    while (!out.empty() && display_width(out) + 1 > width) {
      while (continues(out.back()))
        out.pop_back();
      out.pop_back();
    }
    if (width > 0) out += "…";
  }
  out.append(width - std::min(width, display_width(out)), ' ');
  return out;
}

std::string trimmed(std::string line, std::size_t columns) {
  line = fit(line, columns);
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

// Labelled values side by side, as many to a line as fit.
void append_cells(const std::vector<std::string>& cells, std::size_t columns,
                  std::vector<std::string>& lines) {
  constexpr std::size_t kCell = 26;
  const std::size_t per_line = std::max<std::size_t>(1, (columns + 2) / (kCell + 2));
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line.append(i % per_line == 0 ? "" : "  ").append(fit(cells[i], kCell));
    if (i % per_line == per_line - 1 || i + 1 == cells.size())
      lines.push_back(trimmed(std::exchange(line, {}), columns));
  }
}

std::string cell(std::string_view label, std::string_view value) {
  return fmt::format("{:<14}{:>12}", label, value);
}

std::string pair_of(const Percentiles& p) {
  return latency(p.p50) + " / " + latency(p.p99);
}

void append_endpoints(const TopView& view, std::size_t columns, std::size_t rows,
                      std::vector<std::string>& lines) {
  // Numbers have 9 columns each, the names share what is left; the narrowest screens leave the state out.
  const bool with_state = columns >= 70;
  const std::size_t numbers = 3 * 10 + (with_state ? 12 : 0);
  const std::size_t names = columns > numbers + 16 ? columns - numbers - 2 : 14;
  const std::size_t cluster = std::min<std::size_t>(names * 2 / 5, 32);
  const std::size_t address = std::min<std::size_t>(names - cluster, 64);
  const auto line = [&](std::string_view c, std::string_view a, std::string_view state,
                        std::string_view in_flight, std::string_view attempts, std::string_view failures) {
    lines.push_back(
        trimmed(fmt::format("{}  {}{}{:>10}{:>10}{:>10}", fit(c, cluster), fit(a, address),
                            with_state ? "  " + fit(state, 10) : "", in_flight, attempts, failures),
                columns));
  };
  line("CLUSTER", "ENDPOINT", "STATE", "IN FLIGHT", "TRIES/S", "FAIL/S");
  std::size_t shown = 0;
  for (const TopView::Endpoint& e : view.endpoints) {
    const bool last_row = lines.size() + 1 >= rows;
    if (last_row && shown + 1 < view.endpoints.size()) break;
    line(e.cluster, e.address, e.state, fmt::format("{:.0f}", e.in_flight), short_number(e.attempts),
         short_number(e.failures));
    ++shown;
  }
  if (shown < view.endpoints.size())
    lines.push_back(trimmed(fmt::format("and {} more endpoints", view.endpoints.size() - shown), columns));
}

}  // namespace

TopView compare(const TopSample& before, const TopSample& after) {
  const double seconds = after.seconds - before.seconds;
  const auto per_second = [&](std::string_view name, std::string_view label = {},
                              std::string_view value = {}) {
    return rate(before.metrics.sum(name, label, value), after.metrics.sum(name, label, value), seconds);
  };
  const auto percentiles = [&](std::string_view name) {
    const auto observed = since(before.metrics.histogram(name), after.metrics.histogram(name));
    return Percentiles{quantile(observed, 0.5), quantile(observed, 0.99)};
  };
  TopView view{.version = after.status["version"].plain(),
               .pid = after.status["pid"].plain(),
               .uptime_seconds = after.status["uptime_seconds"].number(),
               .draining = after.status["draining"].text == "true",
               .generation = after.status["config_generation"].plain(),
               .streams = after.metrics.sum("sluice_streams_open"),
               .connections = after.metrics.sum("sluice_downstream_connections"),
               .requests = per_second("sluice_requests_total"),
               .errors = per_second("sluice_errors_total"),
               .prompt_tokens = per_second("sluice_tokens_total", "kind", "prompt"),
               .completion_tokens = per_second("sluice_tokens_total", "kind", "completion"),
               .first_token = percentiles("sluice_time_to_first_token_seconds"),
               .token_gap = percentiles("sluice_inter_token_gap_seconds")};
  const auto counts_before = [&](const std::string& cluster, const std::string& address) -> const JsonValue& {
    for (const JsonValue& c : before.clusters["clusters"].items) {
      if (c["name"].text != cluster) continue;
      for (const JsonValue& e : c["endpoints"].items) {
        if (e["address"].text == address) return e;
      }
    }
    return before.clusters["none"];
  };
  for (const JsonValue& c : after.clusters["clusters"].items) {
    for (const JsonValue& e : c["endpoints"].items) {
      const JsonValue& was = counts_before(c["name"].text, e["address"].text);
      view.endpoints.push_back({.cluster = c["name"].text,
                                .address = e["address"].text,
                                .state = e["state"].text,
                                .in_flight = e["in_flight"].number(),
                                .attempts = rate(was["attempts"].number(), e["attempts"].number(), seconds),
                                .failures = rate(was["failures"].number(), e["failures"].number(), seconds)});
    }
  }
  return view;
}

std::vector<std::string> render(const TopView& view, std::size_t columns, std::size_t rows) {
  std::vector<std::string> lines;
  lines.push_back(trimmed(
      fmt::format("sluice {}  process {}  up {}  configuration {}{}", view.version, view.pid,
                  short_duration(view.uptime_seconds), view.generation, view.draining ? "  DRAINING" : ""),
      columns));
  lines.emplace_back();
  append_cells({cell("requests/s", short_number(view.requests)), cell("errors/s", short_number(view.errors)),
                cell("streams", fmt::format("{:.0f}", view.streams)),
                cell("connections", fmt::format("{:.0f}", view.connections)),
                cell("prompt tok/s", short_number(view.prompt_tokens)),
                cell("answer tok/s", short_number(view.completion_tokens)),
                fmt::format("{:<10}{:>16}", "TTFT", pair_of(view.first_token)),
                fmt::format("{:<10}{:>16}", "token gap", pair_of(view.token_gap))},
               columns, lines);
  lines.emplace_back();
  append_endpoints(view, columns, rows, lines);
  if (lines.size() > rows) lines.resize(rows);
  return lines;
}

}  // namespace sluice::ctl
