#pragma once

#include <span>
#include <string_view>

#include "gateway/net/transport.h"
#include "gateway/runtime/task.h"

namespace sluice::http1 {

enum class Sent : std::uint8_t { kAll, kBroken, kTimeout };

// Writes the pieces in order as one gathered write where the socket takes it, which is nearly always: then no
// coroutine is made. The rest waits for room; each wait that makes no progress for `stall` ends in kTimeout.
// The bytes are borrowed until the await returns. At most Transport::kMaxPieces pieces.
Task<Sent> send_all(Transport& transport, std::span<const std::string_view> pieces, Duration stall);

}  // namespace sluice::http1
