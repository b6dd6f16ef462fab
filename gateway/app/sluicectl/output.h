#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/app/sluicectl/json_value.h"

namespace sluice::ctl {

// Columns as wide as their widest cell, two spaces between them; a first row of headings in capitals. Columns
// in which every cell is a number stand to the right. Control characters become `?`, so that no value of a
// request can move the operator's terminal. On a screen of `width` columns, those that do not fit any more
// are left out from the right: a line that wraps is no table.
inline constexpr std::size_t kAnyWidth = static_cast<std::size_t>(-1);
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string to_string(std::size_t width = kAnyWidth) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// The same data as YAML, in block style; texts in double quotes wherever YAML could take them for something
// else.
std::string to_yaml(const JsonValue& value);

// The tables of commands, from the pages of the same names.
std::string status_table(const JsonValue& status);
std::string clusters_table(const JsonValue& clusters, std::size_t width = kAnyWidth);
std::string streams_table(const JsonValue& streams, std::size_t width = kAnyWidth);
std::string reload_table(const JsonValue& report);
std::string diff_table(const JsonValue& difference);
// Any other answer: a line for each member.
std::string members_table(const JsonValue& object);

// How many columns of a terminal a text in UTF-8 takes, one for each character.
std::size_t display_width(std::string_view text) noexcept;
// Without control characters, also those of C1 and bytes that are not UTF-8.
std::string printable(std::string_view text);
// `2h05m`, `3m07s`, `41s`, `0.8s`.
std::string short_duration(double seconds);

}  // namespace sluice::ctl
