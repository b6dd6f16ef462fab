#pragma once

#include <memory>
#include <optional>

#include "config/config.h"
#include "gateway/base/result.h"
#include "gateway/http/tls_accept.h"
#include "gateway/net/tls_ticket_keys.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// What a listener's connections need to speak TLS; unset where it speaks plain HTTP. `keys` are its ticket
// keys, made here where it has none yet, since they outlive its configurations. Errors: kConfig.
Result<std::optional<TlsAcceptOptions>> tls_accept_options(const config::Listener& listener,
                                                           std::shared_ptr<TlsTicketKeys>& keys,
                                                           const TimeSource& time);

}  // namespace sluice
