#pragma once

#include "gateway/base/address.h"
#include "gateway/base/result.h"

namespace sluice::worker {

// Holds a TCP port while the model loads: bound, so that a port in use is said at once and not after a minute
// of loading, but not listened on, so that nobody connects to a server that cannot answer yet. A listener
// with SO_REUSEADDR may then be bound beside it, for Linux lets sockets share a port as long as none of them
// listens. Of a Unix socket nothing is held: its listener replaces a file that nobody listens on.
class PortReservation {
 public:
  // kConfig errors name the address and the system's reason.
  static Result<PortReservation> take(const Address& address);
  PortReservation(PortReservation&& other) noexcept;
  PortReservation& operator=(PortReservation&&) = delete;
  ~PortReservation();

  const Address& address() const noexcept { return address_; }  // with the port that the system chose

 private:
  PortReservation(int fd, Address address) : fd_(fd), address_(std::move(address)) {}

  int fd_;
  Address address_;
};

}  // namespace sluice::worker
