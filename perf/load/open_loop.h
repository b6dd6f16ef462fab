#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "perf/load/histogram.h"
#include "perf/load/loop.h"
#include "perf/load/sockets.h"

namespace sluice::load {

// Requests at a fixed rate, whatever becomes of those before: a latency counts from the moment at which the
// request was to be sent, so that a stall is seen by all the requests that fall into it (no coordinated
// omission).
class OpenLoop final : Loop::Timer {
 public:
  struct Options {
    sockaddr_in address{};
    std::string request;
    unsigned per_second = 0;
    Nanos duration = 0;
    Nanos warm_up = 0;  // ahead of it, not counted
    std::size_t connections = 0;
    Nanos patience = 0;  // an answer that takes longer counts as an error
  };

  OpenLoop(Loop& loop, Options options);
  ~OpenLoop();
  OpenLoop(const OpenLoop&) = delete;
  OpenLoop& operator=(const OpenLoop&) = delete;

  // Every request was answered with 200.
  bool good() const noexcept { return errors_ == 0 && latencies_.count() > 0; }
  std::string json() const;

 private:
  class Connection;

  void due() override;
  void send_waiting();
  void answered(Nanos intended);
  void failed(const std::string& what);
  bool measured(Nanos intended) const { return intended >= begin_; }

  Loop& loop_;
  Options options_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> free_;  // the last one used is used next, as pools do
  std::deque<Nanos> waiting_;      // intended times of requests that found no free connection
  Nanos gap_ = 0;
  Nanos begin_ = 0;  // of what counts
  Nanos end_ = 0;
  Nanos next_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t repeated_ = 0;  // asked again on a fresh connection
  std::string first_error_;
  Histogram latencies_;
  Histogram
      delays_;  // from a request's intended time to its send: our own lateness, or no connection was free
};

}  // namespace sluice::load
