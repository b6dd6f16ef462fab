#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/net/listener.h"

namespace sluice {

class Gateway;
class Metrics;
class TimeSource;

// Bound, not yet accepted from.
struct AdminSockets {
  std::optional<ListenSocket> address;      // admin.address
  std::optional<ListenSocket> unix_socket;  // admin.socket
};

// The operators' interface: admin.address and admin.socket on the control loop, the rules of access
// (access.h), the pages (router.cc) and the audit log. It is built from the configuration at start and stays
// as it is across reloads. Threads: the control loop's. Limits: kMaxConnections for each of the two, 1 MiB
// for a request's body.
class AdminServer {
 public:
  // Errors (kConfig): the token cannot be read or the audit log not be opened. The references outlive it.
  static Result<std::unique_ptr<AdminServer>> open(Gateway& gateway, Metrics& metrics, const TimeSource& time,
                                                   AdminSockets sockets);
  ~AdminServer();

  static constexpr int kMaxConnections = 64;

  // For a scrape.
  void sample();
  // For log rotation.
  void reopen_log();

  // The listening sockets, to be passed to another process, and what follows when it has taken them: no more
  // is accepted, requests under way are answered, the unix socket's file stays.
  std::vector<int> descriptors() const;
  void hand_over();

 private:
  struct Parts;
  explicit AdminServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice
