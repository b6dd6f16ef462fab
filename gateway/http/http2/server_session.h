#pragma once

#include <string>

#include "gateway/http/http2/server_connection.h"

namespace sluice::http2 {

// Between the session's C interface and the connection.
struct ServerConnection::Callbacks {
  static SessionPtr make_session(ServerConnection& connection);
  // The server's first frames (RFC 9113 3.4).
  static std::string greeting(nghttp2_session& session, const ServerLimits& limits);
};

}  // namespace sluice::http2
