#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "perf/load/loop.h"
#include "perf/load/sockets.h"

namespace sluice::load {

// A model server without a model, over HTTP/1.1:
//   POST /v1/events/EVENTS/GAP_US/BURST   a stream (see events_path); streams run at phases of their own,
//   spread over
//                                         the gap whenever they began: how fast a proxy opens them does not
//                                         decide how many of their events come together
//   POST /v1/answer/BYTES                 so much JSON
//   GET  /stats                           what it is doing, as JSON
//   any other                             a small chat completion
class Backend {
 public:
  Backend(Loop& loop, std::uint16_t port);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  std::uint16_t port() const { return port_of(listener_.socket); }

 private:
  class Connection;

  struct Listener final : Loop::Watcher {
    Listener(Backend& owner, std::uint16_t port) : backend(owner), socket(listen_on(port)) {}
    void ready(std::uint32_t events) override;
    Backend& backend;
    Descriptor socket;
  };

  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t streams = 0;  // under way
    std::uint64_t events = 0;
    std::uint64_t malformed = 0;  // requests that could not be read
  };

  void drop(Connection& connection);

  Loop& loop_;
  Listener listener_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;
  Counts counts_;
};

}  // namespace sluice::load
