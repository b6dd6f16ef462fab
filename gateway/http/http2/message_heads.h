#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/http/head.h"

struct nghttp2_session;

namespace sluice::http2 {

class OutgoingBody;

// Heads of messages on their way into a session, which copies them. Names become lower case (RFC 9113 8.2.1),
// fields that are meant for one connection are left out (8.2.2), and fields that hold secrets are never
// indexed, so that what HPACK shares between messages cannot be guessed from their sizes (RFC 7541 7.1.3).
//
// False if the session is out of memory or, for an answer, does not know the stream any more.

// The longest head block that a session sends, in bytes: names, values and 12 for each field, whatever HPACK
// makes of them. It drops a longer one and goes on (on_frame_not_send_callback tells).
inline constexpr std::size_t kMaxBlockBytes = 64 * 1024;
// Whether a head, and the fields that submit_response() or submit_request() add, fit into that.
bool fits_a_block(const ResponseHead& head) noexcept;
bool fits_a_block(const RequestHead& head) noexcept;

// `body` is null for a message without one; its stream must be attached already. `date`: added where the head
// has none.
bool submit_response(nghttp2_session& session, std::int32_t stream_id, const ResponseHead& head,
                     std::string_view date, OutgoingBody* body);
// An interim answer (1xx) without fields.
bool submit_interim(nghttp2_session& session, std::int32_t stream_id, int status);
// The new stream's identifier, or negative. `length` is the body's, if it is known; `user_data` is the
// stream's.
std::int32_t submit_request(nghttp2_session& session, const RequestHead& head, std::string_view scheme,
                            std::optional<std::uint64_t> length, OutgoingBody* body, void* user_data);
bool submit_trailers(nghttp2_session& session, std::int32_t stream_id, const Headers& trailers);

}  // namespace sluice::http2
