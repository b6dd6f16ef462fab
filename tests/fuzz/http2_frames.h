#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

struct nghttp2_hd_inflater;

namespace sluice::fuzz {

// One direction of an HTTP/2 connection cut into frames. A frame is told when it is complete; nothing is
// behind one that is larger than a peer has to take.
class FrameReader {
 public:
  struct Frame {
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string_view payload;
  };

  // `skip`: bytes in front of the first frame.
  explicit FrameReader(std::size_t skip = 0) noexcept : skip_(skip) {}

  static constexpr std::size_t kMaxFrame = 16 * 1024;

  template <class F>
  void feed(std::string_view bytes, F&& told) {
    const std::size_t skipped = skip_ < bytes.size() ? skip_ : bytes.size();
    skip_ -= skipped;
    buffer_.append(bytes.substr(skipped));
    std::size_t at = 0;
    for (;;) {
      const std::string_view rest = std::string_view(buffer_).substr(at);
      if (rest.size() >= 9 && number(rest, 3) > kMaxFrame) skip_ = SIZE_MAX;
      if (rest.size() < 9 || rest.size() < 9 + number(rest, 3)) break;
      told(Frame{static_cast<std::uint8_t>(rest[3]), static_cast<std::uint8_t>(rest[4]),
                 number(rest.substr(5), 4) & 0x7fffffff, rest.substr(9, number(rest, 3))});
      at += 9 + number(rest, 3);
    }
    buffer_.erase(0, at);
  }

  static std::uint32_t number(std::string_view bytes, std::size_t size) noexcept {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < size; ++i)
      out = out << 8 | static_cast<std::uint8_t>(i < bytes.size() ? bytes[i] : 0);
    return out;
  }

 private:
  std::size_t skip_;
  std::string buffer_;
};

// What a server's frames may never do, whatever its client sends: break their own form, write past the
// windows that the client gave, or go on with a stream that is over. Aborts where they do.
class ServerFrames {
 public:
  ServerFrames();
  ~ServerFrames();
  ServerFrames(const ServerFrames&) = delete;
  ServerFrames& operator=(const ServerFrames&) = delete;

  void sent_by_client(std::string_view bytes);
  void sent_by_server(std::string_view bytes);

 private:
  struct Stream {
    std::int64_t given = 0;  // by WINDOW_UPDATE
    std::int64_t taken = 0;  // by DATA
    bool answered = false;
    bool over = false;
  };
  void on_client_frame(const FrameReader::Frame& frame);
  void on_server_frame(const FrameReader::Frame& frame);
  void on_block(const FrameReader::Frame& frame);

  nghttp2_hd_inflater* inflater_ = nullptr;
  FrameReader from_client_{24};
  FrameReader from_server_;
  std::map<std::uint32_t, Stream> streams_;  // 0: the connection
  std::int64_t largest_initial_window_ = 65535;
  std::uint32_t block_of_ = 0;  // the stream whose header block is under way
  std::string block_;
  bool block_ends_stream_ = false;
};

}  // namespace sluice::fuzz
