#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/http1/server_connection.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/task_group.h"

namespace sluice::worker {

struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;       // decoded
  bool complete = false;  // the last byte has arrived
};

// A client with one connection to a handler, over memory, on the test's loop.
class HttpClient {
 public:
  HttpClient(Loop& loop, StreamHandler& handler) : loop_(loop) {
    auto [client, server] = MemoryTransport::pair(loop);
    end_ = std::move(client);
    connection_ = std::make_unique<http1::ServerConnection>(std::move(server), limits_, handler);
    tasks_.spawn(connection_->run());
  }

  void send(std::string_view method, std::string_view path, std::string_view body = {},
            std::string_view headers = "content-type: application/json\r\n") {
    received_.clear();
    std::string request;
    request.append(method).append(" ").append(path).append(" HTTP/1.1\r\nhost: h\r\n").append(headers);
    if (method == "POST")
      request.append("content-length: ").append(std::to_string(body.size())).append("\r\n");
    request.append("\r\n").append(body);
    const std::string_view pieces[] = {request};
    ASSERT_EQ(end_->try_write(pieces).bytes, request.size());
    loop_.poll();
  }

  // What has arrived of the answer so far.
  HttpAnswer answer() {
    loop_.poll();
    char buffer[4096];
    for (IoResult r = end_->try_read(buffer); r.status == IoResult::Status::kOk; r = end_->try_read(buffer)) {
      received_.append(buffer, r.bytes);
      loop_.poll();
    }
    return decode(received_);
  }

  HttpAnswer ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view headers = "content-type: application/json\r\n") {
    send(method, path, body, headers);
    return answer();
  }

  void leave() {
    end_->close();
    loop_.poll();
  }

 private:
  static HttpAnswer decode(std::string_view all) {
    HttpAnswer answer;
    const std::size_t split = all.find("\r\n\r\n");
    if (split == std::string_view::npos) return answer;
    answer.head = all.substr(0, split + 2);
    answer.status = std::stoi(answer.head.substr(9, 3));
    std::string_view rest = all.substr(split + 4);
    if (answer.head.find("transfer-encoding: chunked") == std::string::npos) {
      const std::size_t length = answer.head.find("content-length: ");
      answer.body = rest;
      answer.complete = rest.size() == std::stoul(answer.head.substr(length + 16));
      return answer;
    }
    while (!rest.empty() && !answer.complete) {
      std::size_t size = 0;
      const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), size, 16).ptr;
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 2);
      answer.body += rest.substr(0, size);
      rest.remove_prefix(size + 2);
      answer.complete = size == 0;
    }
    return answer;
  }

  Loop& loop_;
  http1::ServerLimits limits_;
  std::unique_ptr<MemoryTransport> end_;
  std::unique_ptr<http1::ServerConnection> connection_;
  std::string received_;
  TaskGroup tasks_;
};

}  // namespace sluice::worker
