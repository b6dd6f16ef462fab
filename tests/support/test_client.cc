#include "tests/support/test_client.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "gateway/http/headers.h"

namespace sluice::test {

std::size_t TestClient::put(std::string_view bytes) {
  const std::string_view pieces[] = {bytes};
  return transport_->try_write(pieces).bytes;
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t n = put(bytes);
    bytes.remove_prefix(n);
    if (loop_->turn() == 0 && n == 0) return;
  }
  loop_->turn();
}

std::size_t TestClient::read_some(std::size_t bytes) {
  std::vector<char> buffer(bytes);
  const IoResult r = transport_->try_read(buffer);
  received_.append(buffer.data(), r.bytes);
  return r.bytes;
}

const std::string& TestClient::receive() {
  loop_->turn();
  while (read_some(64 * 1024) != 0)
    loop_->turn();
  return received_;
}

bool TestClient::at_end() {
  char byte[1];
  const IoResult r = transport_->try_read(byte);
  received_.append(byte, r.bytes);
  return r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken;
}

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: gateway\r\n\r\n";
}

std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string_view Answer::header(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(std::min(rest.size(), line.size() + 2));
    if (line.size() > name.size() && line[name.size()] == ':' &&
        equals_ignoring_case(line.substr(0, name.size()), name)) {
      return line.substr(std::min(line.size(), name.size() + 2));
    }
  }
  return {};
}

namespace {

// False where the bytes end before the body does.
bool take_chunks(std::string_view& bytes, std::string& body) {
  for (;;) {
    const std::size_t line = bytes.find("\r\n");
    std::size_t size = 0;
    if (line == std::string_view::npos) return false;
    if (std::from_chars(bytes.data(), bytes.data() + line, size, 16).ptr != bytes.data() + line) return false;
    if (size == 0) {
      const std::size_t end = bytes.find("\r\n\r\n", line);
      if (end == std::string_view::npos) return false;
      bytes.remove_prefix(end + 4);
      return true;
    }
    body.append(bytes.substr(line + 2, size));
    if (bytes.size() < line + 2 + size + 2 || bytes.substr(line + 2 + size, 2) != "\r\n") return false;
    bytes.remove_prefix(line + 2 + size + 2);
  }
}

}  // namespace

Answer take_answer(std::string_view& bytes) {
  Answer answer;
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return answer;
  answer.head = bytes.substr(0, head_end + 2);
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  bytes.remove_prefix(head_end + 4);
  if (answer.header("transfer-encoding") == "chunked") {
    answer.complete = take_chunks(bytes, answer.body);
    return answer;
  }
  std::size_t length = 0;
  const std::string_view text = answer.header("content-length");
  std::from_chars(text.data(), text.data() + text.size(), length);
  answer.body = bytes.substr(0, length);
  answer.complete = answer.body.size() == length;
  bytes.remove_prefix(answer.body.size());
  return answer;
}

Answer first_answer(std::string_view bytes) {
  return take_answer(bytes);
}

}  // namespace sluice::test
