#include "gateway/app/listener_set.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

// How often a retired server is looked at. Nobody waits for its end.
constexpr Duration kLookInterval = std::chrono::milliseconds(50);

void add(ListenerSet::Counts& sum, const Server& server) {
  sum.connections += server.connections();
  sum.accepted += server.accepted();
  sum.refused += server.refused();
  sum.accept_failures += server.accept_failures();
  sum.tls += server.tls_counts();
  sum.http2 += server.http2_counts();
}

}  // namespace

ListenerSet::ListenerSet(Loop& loop, StreamHandler& handler) : loop_(loop), handler_(handler) {}

void ListenerSet::update(std::vector<ListenerUpdate> wanted, Duration drain_timeout) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool stays = std::ranges::find(wanted, it->first, &ListenerUpdate::key) != wanted.end();
    if (!stays) retire(std::move(it->second), drain_timeout);
    it = stays ? std::next(it) : entries_.erase(it);
  }
  for (ListenerUpdate& update : wanted) {
    const auto found = entries_.find(update.key);
    if (found == entries_.end()) {
      open(std::move(update));
    } else {
      found->second.server->set_options(update.options);
      found->second.server->set_backlog(update.backlog);
    }
  }
}

void ListenerSet::open(ListenerUpdate update) {
  Entry entry{std::move(update.limit), nullptr};
  for (ListenSocket& socket : update.sockets) {
    if (entry.server) {
      entry.server->listen(std::move(socket));
    } else {
      entry.server =
          std::make_unique<Server>(loop_, std::move(socket), update.options, *entry.limit, handler_);
    }
  }
  entries_.emplace(std::move(update.key), std::move(entry));
}

void ListenerSet::retire(Entry entry, Duration drain_timeout) {
  entry.server->drain();
  const auto retired = retired_.insert(retired_.end(), std::move(entry));
  winding_down_.spawn(wind_down(retired, loop_.now() + drain_timeout));
}

Task<void> ListenerSet::wind_down(std::list<Entry>::iterator entry, TimePoint deadline) {
  while (entry->server->connections() > 0 && loop_.now() < deadline)
    co_await sleep_until(loop_, std::min(loop_.now() + kLookInterval, deadline));
  add(past_, *entry->server);
  past_.connections = 0;
  retired_.erase(entry);
}

void ListenerSet::drain() {
  for (auto& [key, entry] : entries_)
    entry.server->drain();
}

std::vector<ListenerSet::Socket> ListenerSet::sockets() const {
  std::vector<Socket> out;
  for (const auto& [key, entry] : entries_) {
    for (const int fd : entry.server->descriptors())
      out.push_back({key, fd});
  }
  return out;
}

void ListenerSet::hand_over() {
  for (auto& [key, entry] : entries_)
    entry.server->leave_paths();
  drain();
}

ListenerSet::Counts ListenerSet::counts() const noexcept {
  Counts sum = past_;
  for (const auto& [key, entry] : entries_)
    add(sum, *entry.server);
  for (const Entry& entry : retired_)
    add(sum, *entry.server);
  return sum;
}

}  // namespace sluice
