#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/gateway/http/http2/backend_session.h"
#include "tests/gateway/http/http2/test_peer.h"
#include "tests/support/memory_gateway.h"

namespace sluice::test {

// A backend in the test's hand that speaks either protocol, and gets one request.
class EitherBackend {
 public:
  explicit EitherBackend(UpstreamProtocol protocol) noexcept : protocol_(protocol) {}

  bool is_http2() const noexcept { return protocol_ != UpstreamProtocol::kHttp1; }
  // Takes the connection that the gateway opened; false if there is none.
  bool take(MemoryNetwork& network, std::uint32_t max_streams = 100, bool reads_bodies = true) {
    std::unique_ptr<BackendEnd> end = network.take("one:1");
    if (end == nullptr) return false;
    if (is_http2()) {
      session_ =
          std::make_unique<http2::test::BackendSession>(end->release(), max_streams, 65535, reads_bodies);
      session_->send();
    } else {
      end_ = std::move(end);
    }
    return true;
  }
  bool taken() const noexcept { return end_ != nullptr || session_ != nullptr; }
  // Takes in and sends what there is.
  void turn() {
    if (end_ != nullptr) (void)end_->received();
    if (session_ == nullptr) return;
    session_->receive();
    session_->send();
  }
  // It is told that nobody waits for the answer any more, if it ever heard of the request.
  bool cancelled() {
    if (end_ != nullptr) return end_->closed_by_gateway();
    session_->receive();
    const auto found = session_->requests.find(kStream);
    return found == session_->requests.end() || found->second.was_reset || session_->wire->peer_closed();
  }
  // It has the whole request.
  bool body_ended() {
    if (end_ != nullptr) return whole_request(end_->received()) != 0;
    session_->receive();
    const auto found = session_->requests.find(kStream);
    return found != session_->requests.end() && found->second.ended;
  }
  std::string body() {
    if (session_ != nullptr) return session_->requests[kStream].body;
    const std::string& all = end_->received();
    return all.substr(all.find("\r\n\r\n") + 4);
  }
  void head(std::string_view content_type) {
    if (end_ != nullptr) {
      end_->send("HTTP/1.1 200 OK\r\ncontent-type: " + std::string(content_type) +
                 "\r\ntransfer-encoding: chunked\r\n\r\n");
    } else {
      session_->head(kStream, {{":status", "200"}, {"content-type", std::string(content_type)}});
    }
  }
  void write(std::string_view bytes) {
    if (end_ != nullptr) {
      end_->send(chunk(bytes));
    } else {
      session_->data(kStream, std::string(bytes), false);
    }
  }
  // Ends its connection in the middle of the answer.
  void cut() {
    if (end_ != nullptr) return end_->close();
    session_->wire->close();
  }
  void finish() {
    if (end_ != nullptr) {
      end_->send(kLastChunk);
    } else {
      session_->data(kStream, {}, true);
    }
  }

 private:
  static constexpr std::int32_t kStream = 1;

  UpstreamProtocol protocol_;
  std::unique_ptr<BackendEnd> end_;
  std::unique_ptr<http2::test::BackendSession> session_;
};

inline const std::string kEvent = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";

}  // namespace sluice::test
