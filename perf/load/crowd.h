#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "perf/load/loop.h"
#include "perf/load/plan.h"
#include "perf/load/sockets.h"
#include "perf/load/visitor.h"

namespace sluice::load {

// So many visitors at a time; for each that is over the next one comes. Prints how far it is as a line of
// JSON every second, {"visits":..}, and at the end what became of them.
class Crowd final : Loop::Timer, Visitor::Host {
 public:
  struct Options {
    sockaddr_in address{};
    std::size_t at_a_time = 0;
    std::uint64_t visits = 0;  // in all; 0: until the time is over
    Nanos duration = 0;        // 0: until all have come
    Nanos next_after = 0;      // from a visitor's end to the next one's coming
    Nanos patience = 0;        // see Visitor; 0 has no end
    bool sent_away = false;    // when the time is over; else the last ones end their plans
    std::function<Plan(std::size_t place)> plan = {};
  };

  Crowd(Loop& loop, Options options);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  // Everyone got what its plan expects.
  bool good() const noexcept { return wrong_ == 0; }
  std::string json() const;

 private:
  struct Place {
    std::unique_ptr<Visitor> visitor;
    Nanos next = 0;  // when it is free for the next one
  };
  struct Tally {
    std::uint64_t visits = 0, answers = 0, refusals = 0, left = 0, closed = 0, not_connected = 0, hung = 0;
  };

  void due() override;
  void over(Visitor& visitor, const Visitor::Outcome& outcome) override;
  void admit(std::size_t place);
  bool admits(Nanos time) const;

  Loop& loop_;
  Options options_;
  std::vector<Place> places_;
  std::map<const Visitor*, std::size_t> place_of_;
  std::vector<std::unique_ptr<Visitor>> gone_;  // whose own functions may still be running
  Nanos end_ = 0;
  Nanos next_progress_ = 0;
  std::uint64_t come_ = 0;
  std::uint64_t wrong_ = 0;
  std::vector<std::string> first_wrong_;
  std::map<std::string_view, Tally> tallies_;
};

}  // namespace sluice::load
