#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/load/events.h"
#include "perf/load/histogram.h"
#include "perf/load/loop.h"
#include "perf/load/sockets.h"

namespace sluice::load {

// So many event streams at a time towards one address, each on a connection of its own, read as they come.
class Streams {
 public:
  struct Options {
    sockaddr_in address{};
    std::size_t count = 0;
    std::string request;
  };
  struct Counts {
    std::size_t open = 0;   // have had an event, and go on
    std::size_t ended = 0;  // as they should
    std::uint64_t events = 0;
    std::uint64_t out_of_order = 0;  // lost, repeated or garbled events
    std::uint64_t failed = 0;        // connections refused or cut, answers other than 200
    std::string first_failure;
  };

  Streams(Loop& loop, Options options);
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  // Opens the next stream; false if there is none left to open.
  bool open_next();

  // Every stream is open, has ended or has failed.
  bool settled() const noexcept { return counts_.open + counts_.ended + counts_.failed == options_.count; }
  bool over() const noexcept { return counts_.ended + counts_.failed == options_.count; }
  const Counts& counts() const noexcept { return counts_; }
  // Ages of the events since the last call of begin_window(): from the backend's send to our reading.
  const Histogram& ages() const noexcept { return ages_; }
  void begin_window();

  std::string json() const;  // of the window, but for `open`, `ended` and `failed`

 private:
  class Stream;

  void failed(const char* what, int error);

  Loop& loop_;
  Options options_;
  std::vector<std::unique_ptr<Stream>> streams_;
  Counts counts_;
  Histogram ages_;
};

}  // namespace sluice::load
