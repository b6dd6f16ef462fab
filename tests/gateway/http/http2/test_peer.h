#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/net/memory_transport.h"
#include "tests/support/test_loop.h"

namespace sluice::http2::test {

using FieldList = std::vector<std::pair<std::string, std::string>>;

// An HTTP/2 client at the other end of a connection: nghttp2 speaks, the test decides. It also puts bytes of
// the test's own on the wire, and notes every frame that arrives.
class TestPeer {
 public:
  struct Answer {
    int status = 0;
    FieldList fields;
    FieldList trailers;
    std::string body;
    std::vector<int> interim;
    bool ended = false;      // END_STREAM
    bool closed = false;     // by whatever
    std::uint32_t code = 0;  // of RST_STREAM
    bool reset = false;      // by the server
    std::string field(std::string_view name) const {
      for (const auto& [n, v] : fields) {
        if (n == name) return v;
      }
      return {};
    }
  };
  struct Goaway {
    std::int32_t last_stream_id;
    std::uint32_t code;
  };

  TestPeer(sluice::test::TestLoop& loop, std::unique_ptr<MemoryTransport> transport,
           std::uint32_t window = 65535);
  ~TestPeer();

  // Sends the head and the whole body; `body` null: the request stays open.
  std::int32_t request(const FieldList& fields, const std::string* body = nullptr, bool end = true);
  std::int32_t get(std::string_view path, const FieldList& more = {});
  std::int32_t post(std::string_view path, std::string_view body, const FieldList& more = {});
  // A request whose body comes by send_body().
  std::int32_t open(std::string_view path, const FieldList& more = {});
  void send_body(std::int32_t id, std::string_view bytes, bool last);
  void send_trailers(std::int32_t id, const FieldList& trailers);
  void reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL);
  // Gives the stream and the connection so much more room.
  void widen(std::int32_t id, std::int32_t bytes);
  // The client takes bytes off its windows only when told so.
  void hold_windows() { hold_ = true; }
  void ping();

  // Sends what the session has, without letting the server run.
  void put();
  // Bytes past the session.
  void put_raw(std::string_view bytes);
  // Takes in what has arrived; nothing runs.
  void receive();
  // Exchanges bytes until both are silent.
  void turn();
  void leave() { transport_->close(); }

  Answer& answer(std::int32_t id) { return answers_[id]; }
  const std::vector<Goaway>& goaways() const { return goaways_; }
  const std::vector<std::uint8_t>& frames() const { return frames_; }  // types, in their order
  bool server_closed() const { return ended_; }
  MemoryTransport& transport() { return *transport_; }
  nghttp2_session* session() { return session_; }
  std::uint32_t setting(std::uint16_t id) const {
    const auto found = settings_.find(id);
    return found == settings_.end() ? 0 : found->second;
  }

 private:
  struct Body {
    std::string bytes;
    bool last = false;
    bool trailers = false;
    bool deferred = false;
  };

  sluice::test::TestLoop& loop_;
  std::unique_ptr<MemoryTransport> transport_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Answer> answers_;
  std::map<std::int32_t, std::unique_ptr<Body>> bodies_;
  std::vector<Goaway> goaways_;
  std::vector<std::uint8_t> frames_;
  std::map<std::uint16_t, std::uint32_t> settings_;
  std::string unsent_;
  bool hold_ = false;
  bool ended_ = false;
};

}  // namespace sluice::http2::test
