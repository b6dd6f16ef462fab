#pragma once

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/net/connector.h"
#include "gateway/net/listener.h"
#include "gateway/runtime/child.h"

namespace sluice {

// Real sockets on one loop in the test's thread, with manual time: the kernel decides when, the test looks
// until it has.
class SocketWorld {
 public:
  // Serves the loop until the condition holds; false if it does not within very many turns.
  template <class Condition>
  bool until(Condition&& condition) {
    for (int i = 0; i < 200'000; ++i) {
      loop.poll();
      if (condition()) return true;
      sched_yield();  // loopback TCP and the resolver do some of their work on other threads
    }
    return false;
  }

  std::unique_ptr<Listener> listen(const Address& address, ListenOptions options = {}) {
    Result<ListenSocket> socket = ListenSocket::bind(address, options);
    if (!socket) return nullptr;
    return std::make_unique<Listener>(loop, std::move(*socket), [this](std::unique_ptr<Transport> transport) {
      accepted.push_back(std::move(transport));
    });
  }

  Result<std::unique_ptr<Transport>> connect(const Address& address) {
    Child<Result<std::unique_ptr<Transport>>> connecting(loop, connector.connect(address, kNever));
    if (!until([&] { return connecting.finished(); })) return fail(ErrorKind::kInternal, "still connecting");
    return std::move(*connecting.join().await_resume());
  }

  // A connected pair: first the connector's end, then the listener's.
  struct Pair {
    std::unique_ptr<Transport> near;
    std::unique_ptr<Transport> far;
  };
  Pair connected(const Address& address) {
    const std::size_t before = accepted.size();
    auto near = connect(address);
    if (!near || !until([&] { return accepted.size() > before; })) return {};
    Pair pair{std::move(*near), std::move(accepted.back())};
    accepted.pop_back();
    return pair;
  }

  static std::size_t write(Transport& to, std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    return to.try_write(pieces).bytes;
  }
  // Reads until `bytes` came or the connection ended.
  std::string read(Transport& from, std::size_t bytes) {
    std::string out;
    until([&] {
      char buffer[64 * 1024];
      const IoResult r = from.try_read(buffer);
      if (r.status == IoResult::Status::kOk) out.append(buffer, r.bytes);
      return out.size() >= bytes ||
             (r.status != IoResult::Status::kOk && r.status != IoResult::Status::kWouldBlock);
    });
    return out;
  }
  IoResult::Status next_status(Transport& from) {
    IoResult r{};
    until([&] {
      char buffer[64 * 1024];
      r = from.try_read(buffer);
      return r.status != IoResult::Status::kWouldBlock;
    });
    return r.status;
  }

  ManualTime time;
  Loop loop{time, 1};
  SocketConnector connector{loop};
  std::vector<std::unique_ptr<Transport>> accepted;
};

// A folder of its own for socket files.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = "/tmp/sluice-net-test-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    ::unlink(file().c_str());
    ::rmdir(path_.c_str());
  }
  std::string file() const { return path_ + "/s"; }

 private:
  std::string path_;
};

inline const Address kAnyPort = Address::tcp("127.0.0.1", 0);

}  // namespace sluice
