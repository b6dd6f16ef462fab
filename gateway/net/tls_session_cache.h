#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>

struct ssl_session_st;

namespace sluice {

// The latest session with each of the servers that a shard connects to, so that a next handshake needs no
// certificates. At most kMaxSessions; the one that was stored the longest ago makes room. Threads: one
// loop's.
class TlsSessionCache {
 public:
  static constexpr std::size_t kMaxSessions = 256;

  // Takes over the session.
  void put(std::string_view server, ssl_session_st* session);
  // Borrowed until the next put(); null if there is none.
  ssl_session_st* find(std::string_view server) const noexcept;
  std::size_t size() const noexcept { return entries_.size(); }

 private:
  struct Free {
    void operator()(ssl_session_st* session) const noexcept;
  };
  struct Entry {
    std::string server;
    std::unique_ptr<ssl_session_st, Free> session;
  };

  std::list<Entry> entries_;  // the latest first
};

}  // namespace sluice
