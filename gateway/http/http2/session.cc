#include "gateway/http/http2/session.h"

#include <nghttp2/nghttp2.h>

namespace sluice::http2 {

void SessionDeleter::operator()(nghttp2_session* session) const noexcept {
  nghttp2_session_del(session);
}

std::string_view name(ErrorCode code) noexcept {
  return nghttp2_http2_strerror(static_cast<std::uint32_t>(code));
}

}  // namespace sluice::http2
