#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/http/server.h"
#include "gateway/net/listener.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

// What one listener shall be on one shard.
struct ListenerUpdate {
  std::string key;  // says which listener it is, from one configuration to the next
  ServerOptions options;
  int backlog = 0;
  std::shared_ptr<ConnectionLimit>
      limit;  // owned by every shard's server of this listener and by the gateway
  std::vector<ListenSocket> sockets = {};  // of a listener that is not there yet, else empty
};

// The servers of one shard: added, changed and removed as configurations come and go, without touching the
// others' sockets and connections. A removed one drains beside the rest.
//
// Threads: its loop's only. Destroying it cuts every connection.
class ListenerSet {
 public:
  ListenerSet(Loop& loop, StreamHandler& handler);

  // Makes the set what `wanted` says. Removed listeners stop accepting now and close their idle connections;
  // what is under way there has `drain_timeout` to end.
  void update(std::vector<ListenerUpdate> wanted, Duration drain_timeout);
  // Stops accepting everywhere and closes idle connections; exchanges in flight go on.
  void drain();

  // A listening socket of a listener that is not removed.
  struct Socket {
    std::string key;
    int fd;
  };
  std::vector<Socket> sockets() const;
  // As drain(), after another process took over the sockets: their files, if they have some, are its own.
  void hand_over();

  struct Counts {
    std::size_t connections = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t accept_failures = 0;
    TlsCounts tls = {};
    http2::ServerCounts http2 = {};
  };
  // Removed listeners included: `connections` while they last, the others for ever.
  Counts counts() const noexcept;

 private:
  struct Entry {
    std::shared_ptr<ConnectionLimit> limit;  // outlives the server
    std::unique_ptr<Server> server;
  };

  void open(ListenerUpdate update);
  void retire(Entry entry, Duration drain_timeout);
  Task<void> wind_down(std::list<Entry>::iterator entry, TimePoint deadline);

  Loop& loop_;
  StreamHandler& handler_;
  std::map<std::string, Entry> entries_;
  std::list<Entry> retired_;
  Counts past_;  // of retired servers that have ended; no connections
  TaskGroup winding_down_;
};

}  // namespace sluice
