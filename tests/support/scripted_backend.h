#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/net/memory_transport.h"
#include "gateway/runtime/task.h"

namespace sluice::test {

// A backend's end of a connection in the test's hand.
class BackendEnd {
 public:
  explicit BackendEnd(std::unique_ptr<MemoryTransport> transport) : transport_(std::move(transport)) {}

  // All bytes received so far; takes in what has arrived.
  const std::string& received();
  // The gateway closed its end, whether or not unread bytes are in front.
  bool closed_by_gateway() const noexcept { return transport_->peer_closed(); }
  // Returns the bytes that fitted.
  std::size_t send(std::string_view bytes);
  void close() { transport_->close(); }
  void reset() { transport_->reset(); }
  MemoryTransport& transport() noexcept { return *transport_; }
  // For another kind of backend, from the first byte on.
  std::unique_ptr<MemoryTransport> release() noexcept { return std::move(transport_); }

 private:
  std::unique_ptr<MemoryTransport> transport_;
  std::string received_;
};

// What a backend does with each request: the answer in pieces, one loop turn apart, and then what becomes of
// the connection.
struct BackendScript {
  enum class End : unsigned char { kKeepAlive, kClose, kReset, kHang };
  std::vector<std::string> pieces = {};
  End end = End::kKeepAlive;
};

// Serves a connection until the gateway closes it: reads a whole request, answers, and so on. `requests`
// counts those that were read whole.
Task<void> serve(std::unique_ptr<MemoryTransport> transport, BackendScript script,
                 std::shared_ptr<std::size_t> requests);

// The length of the first whole HTTP/1.1 request in `bytes`, 0 if there is none yet.
std::size_t whole_request(std::string_view bytes);

// Common answers.
std::string json_answer(std::string_view body);
std::string event_stream_head();
// One HTTP chunk.
std::string chunk(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
// A chat completion's event with that text, as a chunk.
std::string content_event(std::string_view text);

}  // namespace sluice::test
