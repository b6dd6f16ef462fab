#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::config {

// A place in a file: line and column from 1, the column in bytes. Line 0: no place.
struct Position {
  int line = 0;
  int column = 0;

  auto operator<=>(const Position&) const = default;
};

// A reason why a text cannot be read at all.
struct TextFault {
  Position position = {};
  std::string message = {};
};

// The text of a configuration file, cut into lines for positions and diagnostics.
class SourceText {
 public:
  explicit SourceText(std::string_view text);

  const std::string& text() const { return text_; }

  // Without its line ending. Lines count from 1; a line past the end is empty.
  std::string_view line(int number) const;

  // The column of a place in characters, as people and editors count.
  int character_column(Position position) const;

  // What yaml-cpp would misread instead of refusing: anything but UTF-8, control characters (it takes 0x04
  // for the end of the file), a lone carriage return (it miscounts lines), a tab in an indentation.
  std::optional<TextFault> find_fault() const;

 private:
  std::optional<TextFault> fault_in_line(int number) const;

  std::string text_;  // without a byte order mark
  std::vector<std::string_view> lines_;
};

}  // namespace sluice::config
