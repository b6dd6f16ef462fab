#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_hd_deflater;

namespace sluice::fuzz {

// Bytes of a fuzzer's input, one after the other; zeros when they are used up.
class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes) noexcept : rest_(bytes) {}

  bool empty() const noexcept { return rest_.empty(); }
  std::uint8_t byte() noexcept;
  std::uint32_t number(std::size_t bytes) noexcept;
  std::string_view take(std::size_t bytes) noexcept;

 private:
  std::string_view rest_;
};

// What an HTTP/2 client does, as a program in bytes: a mutation of it is another client that speaks whole
// frames with heads that HPACK can read, where a mutation of frames is mostly one that ends its connection.
// Whatever else a frame can hold is left to the program: identifiers, flags, lengths, values, order, and
// frames of bytes that mean nothing.
class Http2Script {
 public:
  struct Step {
    enum class Kind : std::uint8_t {
      kSend,   // `bytes`
      kTime,   // `amount` seconds pass
      kRead,   // `amount` is 0 when the client stops reading, 1 when it goes on
      kWake,   // whoever waits in the handler goes on
      kDrain,  // the server is told to end
      kAnswer  // the backend answers what it has
    };
    Kind kind = Kind::kSend;
    std::string bytes = {};
    unsigned amount = 0;
  };

  // `mark`: a field of this name, whose value is the stream's identifier, joins each head of a request.
  explicit Http2Script(std::string_view program, std::string mark = {});
  ~Http2Script();

  // Nullopt at the program's end, which comes: programs have no loops.
  std::optional<Step> next();

 private:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  std::string frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload) const;
  std::uint32_t stream();
  std::string text();
  Fields more_fields();
  std::string head();
  std::string trailers();
  std::string block(unsigned flags, std::uint32_t stream, const Fields& fields, unsigned shape);
  std::string data();
  std::string settings();

  ByteCursor program_;
  std::string mark_;
  nghttp2_hd_deflater* deflater_ = nullptr;
  std::uint32_t next_stream_ = 1;
  std::deque<std::string> greeting_;
  std::string last_;
};

}  // namespace sluice::fuzz
