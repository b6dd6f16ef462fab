#pragma once

#include "gateway/http/http2/client_connection.h"

namespace sluice::http2 {

// What the session of a connection to a backend calls, and how it is set up.
struct ClientConnection::Callbacks {
  static SessionPtr make_session(ClientConnection& connection);
};

}  // namespace sluice::http2
