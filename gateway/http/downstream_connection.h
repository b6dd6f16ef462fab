#pragma once

#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/task.h"

namespace sluice {

// A client's connection as its listener sees it, whatever the protocol. Threads: its loop's only. Destroying
// it, and the task of run() before, cuts the connection.
class DownstreamConnection : public ListNode<DownstreamConnection> {
 public:
  virtual ~DownstreamConnection() = default;

  // Serves until the connection ends. Call once.
  virtual Task<void> run() = 0;
  // Ends the connection when the requests under way have their answers, at once if there are none, but for a
  // connection whose first request is still to come.
  virtual void drain() = 0;
  // Of a connection that is draining: ends it now if it waits for a request, also for its first.
  virtual void end_idle() = 0;
};

}  // namespace sluice
