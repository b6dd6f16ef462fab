#pragma once

#include "gateway/http/headers.h"

namespace sluice {

// Removes the fields that are meant for one connection only (RFC 9110 7.6.1): Connection and what it
// nominates, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade, and the proxy's own
// authentication fields. A nomination never removes Host or Content-Length, which would let a client change
// how its request is framed.
void remove_hop_by_hop(Headers& headers);

// Whether a Connection field has that option, for example "close".
bool has_connection_option(const Headers& headers, std::string_view option) noexcept;

}  // namespace sluice
