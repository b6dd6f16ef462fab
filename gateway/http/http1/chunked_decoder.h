#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/base/result.h"
#include "gateway/http/headers.h"

namespace sluice::http1 {

// Decodes the chunked transfer coding (RFC 9112 7.1) in place, from pieces cut anywhere. CRLF only: the leave
// that 2.2 gives for a bare LF does not reach chunk framing. Chunk extensions are read over up to a limit per
// message; trailer fields are kept apart from the head, dropped where they mean nothing after a body and
// refused where they frame or route.
class ChunkedDecoder {
 public:
  // Bytes of chunk extensions and of trailers that one message may carry.
  static constexpr std::size_t kMaxExtensionBytes = 4 * 1024;
  static constexpr std::size_t kMaxTrailerBytes = 8 * 1024;
  static constexpr std::size_t kMaxTrailers = 100;

  // `malformed` is what a violation is called: the client's fault or the backend's.
  explicit ChunkedDecoder(ErrorKind malformed) noexcept : malformed_(malformed) {}

  struct Step {
    std::string_view content;  // decoded bytes, inside `data`
    std::size_t consumed = 0;  // of `data`; what is left after the end belongs to the next message
    bool finished = false;
  };
  // Overwrites framing inside `data` so that the content of all its chunks is one run.
  Result<Step> decode(char* data, std::size_t size);

  const Headers& trailers() const noexcept { return trailers_; }

 private:
  enum class State : std::uint8_t {
    kSize,
    kSizeSpace,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerLine,
    kTrailerLf,
    kFinished
  };

  std::unexpected<Error> bad(const char* why) const { return fail(malformed_, why); }
  Result<void> take_size_digit(char c);
  Result<void> take_trailer_line();

  ErrorKind malformed_;
  State state_ = State::kSize;
  std::uint64_t remaining_ = 0;
  int digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::string line_;
  Headers trailers_;
};

}  // namespace sluice::http1
