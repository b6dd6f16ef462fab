#include "gateway/http/http1/chunked_decoder.h"

#include <algorithm>
#include <cstring>

#include "gateway/http/http1/syntax.h"
#include "gateway/http/trailers.h"

namespace sluice::http1 {

Result<void> ChunkedDecoder::take_size_digit(char c) {
  int value = 0;
  if (c >= '0' && c <= '9') {
    value = c - '0';
  } else if (c >= 'a' && c <= 'f') {
    value = c - 'a' + 10;
  } else if (c >= 'A' && c <= 'F') {
    value = c - 'A' + 10;
  } else {
    return bad("a chunk size that is not hexadecimal");
  }
  // 15 digits stay below 2^60: no addition of sizes can overflow.
  if (++digits_ > 15) return bad("a chunk size that is too large");
  remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(value);
  return {};
}

Result<void> ChunkedDecoder::take_trailer_line() {
  const std::size_t colon = line_.find(':');
  const std::string_view line = line_;
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return bad("an invalid trailer field");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_field_value(value)) return bad("a control character in a trailer field");
  switch (trailer_fate(header_id(line.substr(0, colon)))) {
    case TrailerFate::kForbidden:
      return bad("a trailer field that frames or routes");
    case TrailerFate::kDropped:
      break;
    case TrailerFate::kKept:
      if (trailers_.size() == kMaxTrailers) return bad("too many trailer fields");
      trailers_.add(line.substr(0, colon), value);
  }
  line_.clear();
  return {};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(char* data, std::size_t size) {
  char* out = nullptr;  // end of the content run, null until the first content byte fixes where it begins
  char* begin = data;
  std::size_t i = 0;
  while (i < size && state_ != State::kFinished) {
    const char c = data[i];
    switch (state_) {
      case State::kSize:
        ++i;
        if (digits_ > 0 && c == '\r') {
          state_ = State::kSizeLf;
        } else if (digits_ > 0 && c == ';') {
          state_ = State::kExtension;
        } else if (digits_ > 0 && (c == ' ' || c == '\t')) {
          state_ = State::kSizeSpace;
        } else if (auto ok = take_size_digit(c); !ok) {
          return fail(std::move(ok.error()));
        }
        break;
      case State::kSizeSpace:
        // BWS before an extension, or what old servers pad their sizes with: never a second number.
        ++i;
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (c == ';') {
          state_ = State::kExtension;
        } else if (c != ' ' && c != '\t') {
          return bad("a chunk size that is not hexadecimal");
        } else if (++extension_bytes_ > kMaxExtensionBytes) {
          return bad("chunk extensions are too long");
        }
        break;
      case State::kExtension:
        ++i;
        if (c == '\r') {
          state_ = State::kSizeLf;
        } else if (c == '\n' || !is_field_value(std::string_view(&c, 1))) {
          return bad("a control character in a chunk extension");
        } else if (++extension_bytes_ > kMaxExtensionBytes) {
          return bad("chunk extensions are too long");
        }
        break;
      case State::kSizeLf:
        if (c != '\n') return bad("a chunk size line ends without CRLF");
        ++i;
        digits_ = 0;
        state_ = remaining_ == 0 ? State::kTrailerLine : State::kData;
        break;
      case State::kData: {
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, size - i));
        if (out == nullptr) {
          begin = out = data + i;
        } else {
          std::memmove(out, data + i, n);
        }
        out += n;
        i += n;
        remaining_ -= n;
        if (remaining_ == 0) state_ = State::kDataCr;
        break;
      }
      case State::kDataCr:
        if (c != '\r') return bad("a chunk is longer than its size");
        ++i;
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return bad("a chunk ends without CRLF");
        ++i;
        state_ = State::kSize;
        break;
      case State::kTrailerLine:
        ++i;
        if (c == '\r') {
          state_ = State::kTrailerLf;
        } else if (c == '\n') {
          return bad("a trailer line ends without CR");
        } else if (++trailer_bytes_ > kMaxTrailerBytes) {
          return bad("trailers are too long");
        } else {
          line_.push_back(c);
        }
        break;
      case State::kTrailerLf:
        if (c != '\n') return bad("a bare CR in the trailers");
        ++i;
        if (line_.empty()) {
          state_ = State::kFinished;
        } else if (auto ok = take_trailer_line(); !ok) {
          return fail(std::move(ok.error()));
        } else {
          state_ = State::kTrailerLine;
        }
        break;
      case State::kFinished:
        break;
    }
  }
  const std::string_view content = out == nullptr ? std::string_view() : std::string_view(begin, out);
  return Step{content, i, state_ == State::kFinished};
}

}  // namespace sluice::http1
