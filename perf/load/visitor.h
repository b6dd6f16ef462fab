#pragma once

#include <cstdint>
#include <string>

#include "perf/load/events.h"
#include "perf/load/loop.h"
#include "perf/load/message_reader.h"
#include "perf/load/plan.h"
#include "perf/load/sockets.h"

namespace sluice::load {

// A client that follows a plan on one connection, and judges what it gets.
class Visitor final : Loop::Watcher, MessageReader::Sink, EventReader::Sink {
 public:
  enum class End { kLeft, kClosed, kNotConnected, kHung };
  struct Outcome {
    End end = End::kLeft;
    std::uint64_t answers = 0;   // whole ones with 200
    std::uint64_t refusals = 0;  // with another status
    std::string wrong;           // what was not as the plan expects
  };
  class Host {
   public:
    // The last thing that a visitor does. It must not be destroyed before the call returns.
    virtual void over(Visitor& visitor, const Outcome& outcome) = 0;

   protected:
    ~Host() = default;
  };

  // Hung is who neither sends nor receives for the patience, pauses of its own aside.
  Visitor(Loop& loop, Host& host, Plan plan, Nanos patience);
  ~Visitor();
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  void begin(const sockaddr_in& address, const ConnectOptions& options);

  std::string_view kind() const { return plan_.kind; }

 private:
  // A timer that calls one of the visitor's functions.
  struct Alarm final : Loop::Timer {
    Alarm(Visitor& owner, void (Visitor::*call)()) : visitor(owner), function(call) {}
    void due() override { (visitor.*function)(); }
    Visitor& visitor;
    void (Visitor::*function)();
  };

  void ready(std::uint32_t events) override;
  void head(std::string_view line) override;
  void content(std::string_view bytes) override;
  void end() override;
  void event(Nanos) override {}

  void go_on();
  bool step_done(Step& step);
  bool send_piece(Step& step);
  void receive(bool all);
  void read_again();
  void lose_patience() { finish(End::kHung); }
  void watch();
  void still_there();
  void finish(End end);
  std::string judged(End end) const;

  Loop& loop_;
  Host& host_;
  Plan plan_;
  Nanos patience_;
  Descriptor socket_;
  MessageReader reader_{MessageReader::Kind::kAnswers};
  EventReader events_;
  Alarm next_{*this, &Visitor::go_on};
  Alarm read_{*this, &Visitor::read_again};
  Alarm hung_{*this, &Visitor::lose_patience};

  std::size_t step_ = 0;
  std::size_t sent_ = 0;  // of the step's bytes
  bool pausing_ = false;
  bool connecting_ = true;
  bool waits_for_room_ = false;
  bool reads_ = true;  // now
  bool over_ = false;

  Outcome outcome_;
  std::string status_line_;  // of the last answer
  bool is_stream_ = false;
  bool garbled_ = false;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::load
