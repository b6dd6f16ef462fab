#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gateway/base/ip_network.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

struct HeadLimits {
  std::size_t max_head_bytes = 32 * 1024;  // the start line and all fields
  std::size_t max_headers = 100;
  std::size_t max_uri_bytes = 8 * 1024;
};

// What one downstream connection may cost, whatever its protocol. Every field is a listener's setting of the
// same name.
struct ServerLimits {
  HeadLimits head;
  std::uint64_t max_body_bytes = 16 * 1024 * 1024;
  Duration head_timeout = std::chrono::seconds(10);   // from a request's first byte to the end of its head
  Duration idle_timeout = std::chrono::seconds(75);   // between requests
  Duration write_timeout = std::chrono::seconds(60);  // a client that takes no byte for so long is cut
  std::uint64_t min_body_rate = 1024;                 // bytes per second, once body_grace is used up; 0: none
  Duration body_grace = std::chrono::seconds(5);
  std::uint32_t max_streams = 100;  // at a time, on one HTTP/2 connection; 0: HTTP/2 is not spoken
  std::shared_ptr<const std::vector<IpNetwork>> trusted_proxies =
      {};  // shared with the listener's other connections
  bool forward_client_certificate = false;
};

}  // namespace sluice
