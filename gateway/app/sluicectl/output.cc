#include "gateway/app/sluicectl/output.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "gateway/base/json_escape.h"

namespace sluice::ctl {
namespace {

bool is_number(std::string_view cell) {
  return !cell.empty() &&
         std::ranges::all_of(cell, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

// A text that every YAML reader takes for that text without quotes.
bool is_plain(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || !letter(text[0])) return false;
  for (const std::string_view word : {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}) {
    if (text == word) return false;
  }
  return std::ranges::all_of(
      text, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

std::string yaml_scalar(const JsonValue& value) {
  if (value.kind == JsonValue::Kind::kNull) return "null";
  if (value.kind == JsonValue::Kind::kBare || is_plain(value.text)) return value.text;
  std::string out = "\"";
  json_escape(value.text, out);
  return out + "\"";
}

bool is_leaf(const JsonValue& value) {
  return value.items.empty() && value.members.empty();
}

void append_yaml(const JsonValue& value, std::size_t indent, bool after_dash, std::string& out) {
  const auto begin = [&] {
    if (!std::exchange(after_dash, false)) out.append(indent, ' ');
  };
  const auto child = [&](const JsonValue& item) {
    if (is_leaf(item)) {
      const bool list = item.kind == JsonValue::Kind::kList;
      const bool object = item.kind == JsonValue::Kind::kObject;
      out.append(" ").append(list ? "[]" : object ? "{}" : yaml_scalar(item)).append("\n");
    } else {
      out += '\n';
      append_yaml(item, indent + 2, false, out);
    }
  };
  for (const auto& [name, member] : value.members) {
    begin();
    out.append(name).append(":");
    child(member);
  }
  for (const JsonValue& item : value.items) {
    begin();
    out += '-';
    if (item.kind == JsonValue::Kind::kObject && !is_leaf(item)) {
      out += ' ';
      append_yaml(item, indent + 2, true, out);
    } else {
      child(item);
    }
  }
}

}  // namespace

std::size_t display_width(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_sequence_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0 || first < 0x20 || first == 0x7f || c1) {
      out += '?';
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return out;
}

std::string short_duration(double seconds) {
  if (seconds < 10) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::int64_t>(seconds);
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  return fmt::format("{}d{:02}h", whole / 86400, whole / 3600 % 24);
}

std::string Table::to_string(std::size_t width) const {
  std::vector<std::vector<std::string>> cells = rows_;
  std::vector<std::size_t> widths(rows_[0].size());
  std::vector<bool> right(rows_[0].size(), rows_.size() > 1);
  for (std::size_t row = 0; row < cells.size(); ++row) {
    for (std::size_t column = 0; column < widths.size(); ++column) {
      std::string& cell = cells[row][column];
      cell = printable(cell);
      widths[column] = std::max(widths[column], display_width(cell));
      if (row > 0 && !is_number(cell)) right[column] = false;
    }
  }
  std::size_t shown = 0;
  for (std::size_t taken = 0; shown < widths.size(); ++shown) {
    taken += widths[shown] + (shown > 0 ? 2 : 0);
    if (shown > 0 && taken > width) break;
  }
  std::string out;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t column = 0; column < shown; ++column) {
      const std::string padding(widths[column] - display_width(row[column]), ' ');
      line.append(column > 0 ? "  " : "")
          .append(right[column] ? padding + row[column] : row[column] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out.append(line).append("\n");
  }
  return out;
}

std::string to_yaml(const JsonValue& value) {
  if (is_leaf(value)) return yaml_scalar(value) + "\n";
  std::string out;
  append_yaml(value, 0, false, out);
  return out;
}

std::string members_table(const JsonValue& object) {
  std::string out;
  std::size_t width = 0;
  for (const auto& [name, value] : object.members)
    width = std::max(width, name.size());
  for (const auto& [name, value] : object.members) {
    // Lists of objects are for tables of their own.
    if (!value.items.empty() && value.items[0].kind == JsonValue::Kind::kObject) continue;
    fmt::format_to(std::back_inserter(out), "{:<{}}  {}\n", printable(name), width, printable(value.plain()));
  }
  return out;
}

std::string status_table(const JsonValue& status) {
  Table listeners({"LISTENER", "ADDRESS", "TLS"});
  for (const JsonValue& l : status["listeners"].items)
    listeners.add({l["name"].plain(), l["address"].plain(), l["tls"].text == "true" ? "yes" : "no"});
  return fmt::format(
      "sluice {}, process {}, up {}{}\nconfiguration {} of {}\n{} shards, {} streams in flight\n\n{}",
      printable(status["version"].plain()), status["pid"].plain(),
      short_duration(status["uptime_seconds"].number()),
      status["draining"].text == "true" ? ", DRAINING" : "", status["config_generation"].plain(),
      printable(status["config_path"].plain()), status["shards"].plain(), status["open_streams"].plain(),
      listeners.to_string());
}

std::string clusters_table(const JsonValue& clusters, std::size_t width) {
  Table table({"CLUSTER", "ENDPOINT", "WEIGHT", "SOURCE", "STATE", "IN FLIGHT", "ATTEMPTS", "FAILURES"});
  Table discoveries({"CLUSTER", "DISCOVERY", "ENDPOINTS", "LEFT OUT", "OUTCOME", "FAILURES", "LAST SUCCESS",
                     "NEXT LOOK", "PROBLEM"});
  bool any_discovery = false;
  for (const JsonValue& cluster : clusters["clusters"].items) {
    for (const JsonValue& e : cluster["endpoints"].items) {
      table.add({cluster["name"].plain(), e["address"].plain(), e["weight"].plain(), e["source"].plain(),
                 e["state"].plain(), e["in_flight"].plain(), e["attempts"].plain(), e["failures"].plain()});
    }
    const JsonValue& d = cluster["discovery"];
    if (d.kind != JsonValue::Kind::kObject) continue;
    any_discovery = true;
    const auto time = [&](std::string_view key, std::string_view before, std::string_view after) {
      if (d[key].kind != JsonValue::Kind::kBare) return std::string("never");
      return fmt::format("{}{}{}", before, short_duration(d[key].number()), after);
    };
    discoveries.add({cluster["name"].plain(), d["source"].plain() + " " + d["subject"].plain(),
                     d["endpoints"].plain(), d["left_out"].plain(), d["outcome"].plain(),
                     d["failures"].plain(), time("last_success_seconds", "", " ago"),
                     time("next_look_seconds", "in ", ""), d["problem"].plain()});
  }
  return table.to_string(width) + (any_discovery ? "\n" + discoveries.to_string(width) : "");
}

std::string streams_table(const JsonValue& streams, std::size_t width) {
  Table table(
      {"ID", "STATE", "AGE", "ROUTE", "MODEL", "CLUSTER", "ENDPOINT", "ATTEMPTS", "EVENTS", "BYTES", "PEER"});
  for (const JsonValue& s : streams["streams"].items) {
    table.add({s["id"].plain(), s["state"].plain(), short_duration(s["age_seconds"].number()),
               s["route"].plain(), s["model"].plain(), s["cluster"].plain(), s["endpoint"].plain(),
               s["attempts"].plain(), s["events"].plain(), s["response_bytes"].plain(), s["peer"].plain()});
  }
  return fmt::format("{}{} of {} streams in flight\n", table.to_string(width),
                     streams["streams"].items.size(), streams["open"].plain());
}

std::string reload_table(const JsonValue& report) {
  std::string out;
  for (const JsonValue& problem : report["problems"].items) {
    // A diagnostic has lines of its own: the source and a caret.
    std::string_view rest = problem.text;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      out.append(printable(line)).append("\n");
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
  }
  if (report["ok"].text != "true")
    return out + fmt::format("not reloaded: generation {} stays in force\n", report["generation"].plain());
  if (report["changed"].text != "true")
    return out + fmt::format("nothing changed: generation {} stays in force\n", report["generation"].plain());
  return out + fmt::format("reloaded: generation {} is in force after {:.1f} ms\n",
                           report["generation"].plain(), report["milliseconds"].number());
}

std::string diff_table(const JsonValue& difference) {
  std::string out;
  for (const JsonValue& change : difference["changes"].items) {
    out.append(printable(change["path"].text)).append("\n");
    if (change["before"].kind == JsonValue::Kind::kText)
      out.append("  - ").append(printable(change["before"].text)).append("\n");
    if (change["after"].kind == JsonValue::Kind::kText)
      out.append("  + ").append(printable(change["after"].text)).append("\n");
  }
  return out.empty() ? "no difference\n" : out;
}

}  // namespace sluice::ctl
