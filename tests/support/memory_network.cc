#include "tests/support/memory_network.h"

#include "tests/support/test_loop.h"

namespace sluice::test {

MemoryNetwork::Site& MemoryNetwork::site(const std::string& address) {
  auto& slot = sites_[address];
  if (!slot) slot = std::make_unique<Site>(loop_);
  return *slot;
}

void MemoryNetwork::set_mode(const std::string& address, Mode mode) {
  Site& s = site(address);
  s.mode = mode;
  s.changed.notify_all();
}

void MemoryNetwork::set_script(const std::string& address, BackendScript script) {
  Site& s = site(address);
  s.script = std::move(script);
  s.scripted = true;
}

std::unique_ptr<BackendEnd> MemoryNetwork::take(const std::string& address) {
  Site& s = site(address);
  if (s.ends.empty()) return nullptr;
  std::unique_ptr<BackendEnd> end = std::move(s.ends.front());
  s.ends.pop_front();
  return end;
}

std::unique_ptr<Transport> MemoryNetwork::accept(Site& s) {
  auto [near, far] = MemoryTransport::pair(loop_, capacity_);
  if (s.alpn) near->pretend_tls(*s.alpn);
  if (s.scripted) {
    served_.spawn(serve(std::move(far), s.script, s.requests));
  } else {
    s.ends.push_back(std::make_unique<BackendEnd>(std::move(far)));
  }
  return std::move(near);
}

Task<Result<std::unique_ptr<Transport>>> MemoryNetwork::connect(const Address& address, TimePoint deadline) {
  const Alive pending(pending_);
  const std::string name = address.to_string();
  Site& s = site(name);
  ++s.connects;
  // No real connect ends in the turn it began.
  co_await next_turn(loop_);
  while (s.mode == Mode::kHold) {
    if (!co_await s.changed.wait(deadline)) {
      co_return fail(ErrorKind::kConnectTimeout, "connect to " + name + " took too long", Retriable::kAlways);
    }
  }
  if (s.mode == Mode::kRefuse) {
    co_return fail(ErrorKind::kConnectFailed, "connect to " + name + ": refused", Retriable::kAlways);
  }
  co_return accept(s);
}

}  // namespace sluice::test
