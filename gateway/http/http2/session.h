#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

struct nghttp2_session;

namespace sluice::http2 {

struct SessionDeleter {
  void operator()(nghttp2_session* session) const noexcept;
};
using SessionPtr = std::unique_ptr<nghttp2_session, SessionDeleter>;

// RFC 9113 7.
enum class ErrorCode : std::uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kSettingsTimeout = 0x4,
  kStreamClosed = 0x5,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompressionError = 0x9,
  kConnectError = 0xa,
  kEnhanceYourCalm = 0xb,
  kInadequateSecurity = 0xc,
  kHttp11Required = 0xd,
};
std::string_view name(ErrorCode code) noexcept;

// What a client sends first (RFC 9113 3.4).
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

}  // namespace sluice::http2
