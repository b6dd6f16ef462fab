#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/net/memory_transport.h"
#include "gateway/net/tls_transport.h"
#include "gateway/runtime/child.h"
#include "tests/support/certificates.h"

namespace sluice {

// A client and a server that speak TLS over a connection in memory.
struct TlsPair {
  using Outcome = std::optional<TlsRefusal>;

  explicit TlsPair(std::size_t capacity = 256 * 1024) : capacity(capacity) {
    server_options.key_pairs = {test_pair("site-ec")};
    client_options.authorities = test_certificates("ca");
  }

  void connect() {
    auto [near, far] = MemoryTransport::pair(loop, capacity);
    client_wire = near.get();
    server_wire = far.get();
    client =
        TlsTransport::client(std::move(near), test_client(client_options), server_name, sessions, "server");
    server = TlsTransport::server(std::move(far), test_server(server_options));
  }

  // Both handshakes, to their ends or until nothing moves any more.
  void handshake() {
    connect();
    Child<Outcome> theirs(loop, client->handshake(kNever));
    Child<Outcome> ours(loop, server->handshake(kNever));
    loop.poll();
    finished = theirs.finished() && ours.finished();
    if (theirs.finished()) client_outcome = *theirs.result();
    if (ours.finished()) server_outcome = *ours.result();
  }
  bool established() const { return finished && !client_outcome && !server_outcome; }

  static IoResult write(Transport& t, std::string_view bytes) { return t.try_write({&bytes, 1}); }
  // Everything that can be read now.
  static std::string read(Transport& t) {
    std::string out;
    char buffer[4096];
    for (;;) {
      const IoResult r = t.try_read(buffer);
      last_status = r.status;
      if (r.status != IoResult::Status::kOk) return out;
      out.append(buffer, r.bytes);
    }
  }

  static inline IoResult::Status last_status{};

  ManualTime time;
  Loop loop{time, 1};
  std::size_t capacity;
  TlsServerOptions server_options;
  TlsClientOptions client_options;
  std::string server_name = "site.test";
  std::shared_ptr<TlsSessionCache> sessions = std::make_shared<TlsSessionCache>();
  std::unique_ptr<TlsTransport> client;
  std::unique_ptr<TlsTransport> server;
  MemoryTransport* client_wire = nullptr;
  MemoryTransport* server_wire = nullptr;
  Outcome client_outcome;
  Outcome server_outcome;
  bool finished = false;
};

}  // namespace sluice
