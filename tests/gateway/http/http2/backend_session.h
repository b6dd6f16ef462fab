#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/net/memory_transport.h"

namespace sluice::http2::test {

// A backend that speaks HTTP/2 when a test tells it to: an nghttp2 server session at the far end of a memory
// transport, which records what it got. Frames that no session would send go through raw().
class BackendSession {
 public:
  struct Request {
    std::vector<std::pair<std::string, std::string>> fields;
    std::vector<std::pair<std::string, std::string>> trailers;
    std::string body;
    bool ended = false;
    std::uint32_t reset = 0;
    bool was_reset = false;

    std::string field(std::string_view name) const {
      for (const auto& [n, v] : fields)
        if (n == name) return v;
      return {};
    }
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;

  explicit BackendSession(std::unique_ptr<MemoryTransport> wire, std::uint32_t max_streams = 100,
                          std::uint32_t window = 65535, bool reads_bodies = true);
  ~BackendSession();
  BackendSession(const BackendSession&) = delete;
  BackendSession& operator=(const BackendSession&) = delete;

  // Takes everything that the client sent; the number of reads that yielded bytes.
  int receive();
  // Sends what the session has to say.
  void send();

  void head(std::int32_t id, const Fields& fields, bool last = false);
  void data(std::int32_t id, std::string bytes, bool last, const Fields& trailers = {});
  void reset(std::int32_t id, std::uint32_t code);
  void settings(std::int32_t key, std::uint32_t value);
  void goaway(std::int32_t last_id, std::uint32_t code = NGHTTP2_NO_ERROR);
  void consume(std::int32_t id, std::size_t bytes);
  void raw(std::string_view bytes);

  // One frame as bytes.
  static std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                           std::string_view payload);

  std::map<std::int32_t, Request> requests;
  int pings = 0;
  int ping_acks = 0;
  int goaways = 0;
  std::uint32_t goaway_code = 0;
  std::int32_t stream_window(std::int32_t id);
  std::unique_ptr<MemoryTransport> wire;
  bool answer_pings = true;

 private:
  struct Body {
    std::string bytes;
    bool last = false;
    Fields trailers;
    bool started = false;
  };
  static ssize_t read_data(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t, std::uint32_t*,
                           nghttp2_data_source*, void*);

  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Body> bodies_;
  std::map<std::int32_t, Fields> heads_;
};

}  // namespace sluice::http2::test
