#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "perf/load/loop.h"

namespace sluice::load {

// The events of a stream as vLLM words them, all of one size, each in a chunk of its own. The piece of text
// that an event brings is the time at which the backend sent it and its number from 0, so that any chunk that
// a gateway may make of it still tells its age, and whether one is missing.

// Of one event, without the chunk around it.
std::size_t event_bytes();

// Appends the chunk of an event.
void append_event(std::string& out, Nanos sent, std::uint32_t number);
// Appends the chunk of "[DONE]", and the end of the content.
void append_end(std::string& out);

// Finds the events in a stream's content, however it is cut.
class EventReader {
 public:
  class Sink {
   public:
    virtual void event(Nanos sent) = 0;

   protected:
    ~Sink() = default;
  };

  void take(std::string_view content, Sink& sink);

  std::uint64_t events() const noexcept { return next_; }
  // Events that were not the next one, or that could not be read; what came twice or not at all shows up
  // here.
  std::uint64_t out_of_order() const noexcept { return out_of_order_; }
  bool done() const noexcept { return done_; }

 private:
  void take_line(std::string_view line, Sink& sink);

  std::string line_;  // one that has come in part
  std::uint64_t next_ = 0;
  std::uint64_t out_of_order_ = 0;
  bool done_ = false;
};

}  // namespace sluice::load
