#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::load {

// An open descriptor, closed with it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int number() const noexcept { return number_; }
  bool open() const noexcept { return number_ >= 0; }
  void close() noexcept;

 private:
  int number_ = -1;
};

// "127.0.0.1:8080". Throws std::invalid_argument for anything that is not loopback: this is a tool for one
// machine.
sockaddr_in loopback_address(std::string_view text);

// On 127.0.0.1; port 0 takes a free one. Throws std::system_error.
Descriptor listen_on(std::uint16_t port);
std::uint16_t port_of(const Descriptor& listener);

// The next connection, or a closed descriptor where there is none or it failed.
Descriptor accept_from(const Descriptor& listener);

struct ConnectOptions {
  // The client's address is 127.0.0.(1 + source); 0 leaves the choice to the system. One address has 28,000
  // ports, and a connection that its client closed first keeps its port for a while.
  unsigned source = 0;
  int receive_buffer = 0;  // bytes; 0 leaves it to the system
};

// Connects without waiting. A closed descriptor if the system refuses at once, with the reason in errno.
Descriptor connect_to(const sockaddr_in& address, const ConnectOptions& options = {});

// Whether a connection that has become writable was made; the reason in errno if not.
bool connected(const Descriptor& socket);

// Closes with a reset instead of an orderly end.
void reset(Descriptor socket);

}  // namespace sluice::load
