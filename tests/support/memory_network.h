#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/connector.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"
#include "tests/support/scripted_backend.h"

namespace sluice::test {

// A network of backends inside the test. Each address accepts, refuses, or keeps a connect waiting; an
// accepted connection's far end goes to the address's script, or to the test where it has none.
class MemoryNetwork final : public Connector {
 public:
  enum class Mode : std::uint8_t {
    kAccept,
    kRefuse,
    kHold,  // until the mode changes; never answering ends at the connect's deadline
  };

  explicit MemoryNetwork(Loop& loop) noexcept : loop_(loop) {}

  Task<Result<std::unique_ptr<Transport>>> connect(const Address& address, TimePoint deadline) override;

  void set_mode(const std::string& address, Mode mode);
  // Connections look encrypted from now on, with that protocol agreed on; empty: none was spoken of.
  void set_alpn(const std::string& address, std::string alpn) { site(address).alpn = std::move(alpn); }
  // Every connection to the address is served by this script from now on.
  void set_script(const std::string& address, BackendScript script);
  // Bytes that fit into each direction of a connection before a write blocks.
  void set_capacity(std::size_t bytes) noexcept { capacity_ = bytes; }

  // The oldest connection that no script serves and the test has not taken yet; null if there is none.
  std::unique_ptr<BackendEnd> take(const std::string& address);

  std::size_t connects(const std::string& address) { return site(address).connects; }
  std::size_t pending() const noexcept { return static_cast<std::size_t>(pending_); }
  // Requests that scripts have answered or begun to answer.
  std::size_t requests(const std::string& address) { return *site(address).requests; }
  // Connections that scripts still serve.
  std::size_t served() const noexcept { return served_.size(); }

 private:
  struct Site {
    explicit Site(Loop& loop) : changed(loop) {}
    Mode mode = Mode::kAccept;
    Signal changed;
    std::optional<std::string> alpn;
    BackendScript script;
    bool scripted = false;
    std::deque<std::unique_ptr<BackendEnd>> ends;
    std::size_t connects = 0;
    std::shared_ptr<std::size_t> requests = std::make_shared<std::size_t>(0);  // with the served connections
  };

  Site& site(const std::string& address);
  std::unique_ptr<Transport> accept(Site& site);

  Loop& loop_;
  std::size_t capacity_ = 64 * 1024;
  int pending_ = 0;
  std::map<std::string, std::unique_ptr<Site>> sites_;
  TaskGroup served_;
};

}  // namespace sluice::test
