#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/app/inherited_sockets.h"
#include "gateway/app/listener_set.h"
#include "gateway/base/result.h"
#include "gateway/net/tls_ticket_keys.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// One listener of the process, as the control loop knows it.
struct BoundListener {
  std::string key;
  std::string name;
  Address address;  // with the port that the system chose
  std::uint32_t max_connections = 0;
  std::shared_ptr<ConnectionLimit> limit;    // shared with the shards' servers
  std::shared_ptr<TlsTicketKeys> keys = {};  // shared with the contexts made from its configurations
};

// What the listeners of a configuration need: every new socket is bound and nothing that runs is touched, so
// that dropping the plan undoes it.
struct ListenerPlan {
  std::vector<BoundListener> listeners;             // in the configuration's order
  std::vector<std::vector<ListenerUpdate>> shards;  // for each shard, in the same order
};

// A listener is known again by its address, and by its name where the port is left to the system: it keeps
// its sockets and its connections whatever else of it changes. A new one takes the sockets that the process
// inherited for it, all of them, and where there are none gets a socket for each shard. Fewer inherited ones
// than shards are shared by duplicates, more are spread over the shards: what waits in a socket's queue was
// accepted by the kernel and is served.
// Errors: kConfig, naming the address that cannot be bound or the listener whose TLS cannot be set up. The
// time source outlives what is planned.
Result<ListenerPlan> plan_listeners(const std::vector<config::Listener>& wanted,
                                    const std::vector<BoundListener>& running, std::size_t shards,
                                    InheritedSockets& inherited, const TimeSource& time);

}  // namespace sluice
