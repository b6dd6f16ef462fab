#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/net/memory_transport.h"
#include "tests/support/test_loop.h"

namespace sluice::test {

// An HTTP/1.1 client's end of a connection to the gateway.
class TestClient {
 public:
  TestClient(TestLoop& loop, std::unique_ptr<MemoryTransport> transport)
      : loop_(&loop), transport_(std::move(transport)) {}

  // Puts the bytes on the wire; nothing runs. Returns the bytes that fitted.
  std::size_t put(std::string_view bytes);
  // Sends all of it, letting the gateway run.
  void send(std::string_view bytes);
  // Reads what there is, letting the gateway run until it has nothing more to say. Returns all so far.
  const std::string& receive();
  // Reads at most that many bytes; nothing runs. Returns the bytes read.
  std::size_t read_some(std::size_t bytes);
  const std::string& received() const noexcept { return received_; }

  // Leaves; the gateway hears of it in its next turn.
  void leave() { transport_->close(); }
  // The gateway closed the connection and everything it sent was read.
  bool at_end();
  MemoryTransport& transport() noexcept { return *transport_; }

 private:
  TestLoop* loop_;
  std::unique_ptr<MemoryTransport> transport_;
  std::string received_;
};

std::string get(std::string_view path);
std::string post(std::string_view path, std::string_view body);

// The answers that `bytes` begin with.
struct Answer {
  int status = 0;
  std::string head;  // with the status line
  std::string body;  // decoded
  bool complete = false;
  std::string_view header(std::string_view name) const;
};
// Takes the first answer off the front of `bytes`; incomplete where the bytes end too soon.
Answer take_answer(std::string_view& bytes);
Answer first_answer(std::string_view bytes);

}  // namespace sluice::test
