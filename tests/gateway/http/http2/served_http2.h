#pragma once

#include <memory>
#include <utility>

#include "gateway/http/http2/server_connection.h"
#include "gateway/runtime/task_group.h"
#include "tests/gateway/http/http1/served_connection.h"
#include "tests/gateway/http/http2/test_peer.h"
#include "tests/support/test_loop.h"

namespace sluice::http2::test {

using http1::RecordingHandler;

// A server's HTTP/2 connection on a memory transport and manual time, and the client at its other end.
struct ServedHttp2 {
  explicit ServedHttp2(const ServerLimits& server_limits = {}, std::uint32_t client_window = 65535,
                       std::size_t capacity = 1024 * 1024, bool client_speaks = true)
      : limits(server_limits) {
    if (limits.max_streams == 0) limits.max_streams = 128;
    auto [near, far] = MemoryTransport::pair(t.loop, capacity);
    server_end = far.get();
    peer = std::make_unique<TestPeer>(t, std::move(near), client_window);
    connection = std::make_unique<ServerConnection>(std::move(far), limits, counts, handler);
    tasks.spawn(connection->run());
    if (client_speaks) peer->turn();
  }

  void advance(Duration by) {
    t.advance(by);
    peer->turn();
  }
  std::uint64_t cuts(Cut reason) const { return counts.cuts[static_cast<std::size_t>(reason)]; }
  // The connection has ended and nothing of it is left.
  bool gone() {
    if (tasks.size() != 0) return false;
    connection.reset();
    return t.loop.buffers().blocks_in_use() == 0;
  }

  sluice::test::TestLoop t;
  ServerLimits limits;
  ServerCounts counts;
  RecordingHandler handler;
  MemoryTransport* server_end = nullptr;
  std::unique_ptr<TestPeer> peer;
  std::unique_ptr<ServerConnection> connection;
  TaskGroup tasks;
};

}  // namespace sluice::http2::test
