#pragma once

#include <string_view>

namespace sluice {

// Where finished log lines go. A line is one record without its line end, and holds no line end inside
// (json_escape sees to that); it is copied before write() returns. It never blocks and never fails: what has
// no room is dropped and counted. Threads: as the implementation says.
class LineSink {
 public:
  virtual ~LineSink() = default;
  virtual void write(std::string_view line) noexcept = 0;
};

}  // namespace sluice
