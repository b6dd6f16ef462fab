#include "tests/support/scripted_backend.h"

#include <charconv>

#include "tests/support/test_loop.h"

namespace sluice::test {

const std::string& BackendEnd::received() {
  char buffer[16 * 1024];
  for (;;) {
    const IoResult r = transport_->try_read(buffer);
    if (r.status != IoResult::Status::kOk) return received_;
    received_.append(buffer, r.bytes);
  }
}

std::size_t BackendEnd::send(std::string_view bytes) {
  const std::string_view pieces[] = {bytes};
  return transport_->try_write(pieces).bytes;
}

std::size_t whole_request(std::string_view bytes) {
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return 0;
  const std::string_view head = bytes.substr(0, head_end + 2);
  const std::size_t body = head_end + 4;
  if (head.find("transfer-encoding: chunked\r\n") != std::string_view::npos) {
    const std::size_t end = bytes.find("0\r\n\r\n", body);
    return end == std::string_view::npos ? 0 : end + 5;
  }
  constexpr std::string_view kLength = "content-length: ";
  std::size_t length = 0;
  if (const std::size_t at = head.find(kLength); at != std::string_view::npos) {
    std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  }
  return bytes.size() - body < length ? 0 : body + length;
}

namespace {

// False when the gateway has closed.
Task<bool> read_request(MemoryTransport& transport, std::string& unread) {
  for (;;) {
    if (const std::size_t size = whole_request(unread)) {
      unread.erase(0, size);
      co_return true;
    }
    char buffer[16 * 1024];
    const IoResult r = transport.try_read(buffer);
    if (r.status == IoResult::Status::kOk) {
      unread.append(buffer, r.bytes);
    } else if (r.status == IoResult::Status::kWouldBlock) {
      co_await transport.readable(kNever);
    } else {
      co_return false;
    }
  }
}

Task<bool> write_all(MemoryTransport& transport, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view pieces[] = {bytes};
    const IoResult r = transport.try_write(pieces);
    if (r.status == IoResult::Status::kBroken) co_return false;
    if (r.status == IoResult::Status::kWouldBlock) co_await transport.writable(kNever);
    bytes.remove_prefix(r.bytes);
  }
  co_return true;
}

}  // namespace

Task<void> serve(std::unique_ptr<MemoryTransport> transport, BackendScript script,
                 std::shared_ptr<std::size_t> requests) {
  std::string unread;
  while (co_await read_request(*transport, unread)) {
    ++*requests;
    for (const std::string& piece : script.pieces) {
      co_await next_turn(transport->loop());
      if (!co_await write_all(*transport, piece)) co_return;
    }
    switch (script.end) {
      case BackendScript::End::kKeepAlive:
        break;
      case BackendScript::End::kClose:
        co_return;
      case BackendScript::End::kReset:
        transport->reset();
        co_return;
      case BackendScript::End::kHang:
        while (!transport->peer_closed()) {
          char byte[1];
          const IoResult r = transport->try_read(byte);
          if (r.status == IoResult::Status::kWouldBlock) co_await transport->readable(kNever);
          if (r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken) co_return;
        }
        co_return;
    }
  }
}

std::string json_answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string event_stream_head() {
  return "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: "
         "chunked\r\n\r\n";
}

std::string chunk(std::string_view bytes) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16).ptr;
  return std::string(digits, end) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string content_event(std::string_view text) {
  return chunk("data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(text) + "\"}}]}\n\n");
}

}  // namespace sluice::test
