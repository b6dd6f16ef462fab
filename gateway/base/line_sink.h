#pragma once

#include <cstddef>
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

// One that also takes several lines at once, with a line end between two and none after the last.
class BatchSink : public LineSink {
 public:
  virtual void write_batch(std::string_view lines, std::size_t count) noexcept = 0;
};

}  // namespace sluice
