#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <span>

#include "gateway/runtime/time_source.h"

namespace sluice {

// The keys that a server encrypts its session tickets with (RFC 5077 4). A ticket is worth a session's
// secrets, so keys live in memory alone and are replaced every `period`: the current one encrypts, the one
// before it still decrypts, and what is older is gone. They outlive reloads of the configuration, and die
// with the process.
//
// Threads: any; a mutex, taken once or twice per handshake.
class TlsTicketKeys {
 public:
  struct Key {
    std::array<unsigned char, 16> name;  // sent with the ticket, to find the key again
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };
  struct Found {
    Key key;
    bool current;  // else the ticket is to be replaced by a new one
  };

  // The time source outlives it.
  TlsTicketKeys(const TimeSource& time, Duration period);
  ~TlsTicketKeys();
  TlsTicketKeys(const TlsTicketKeys&) = delete;
  TlsTicketKeys& operator=(const TlsTicketKeys&) = delete;

  // Counts from the key's beginning, also for the one in use.
  void set_period(Duration period);

  Key current();
  std::optional<Found> find(std::span<const unsigned char> name);

 private:
  struct Generation {
    Key key;
    TimePoint since;
  };

  void rotate();  // under the lock

  const TimeSource& time_;
  std::mutex mutex_;
  Duration period_;
  Generation current_;
  std::optional<Generation> previous_;
};

}  // namespace sluice
