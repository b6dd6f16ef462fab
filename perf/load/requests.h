#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::load {

// A path by which the backend streams `events` events (0: for ever), each `gap_us` after the last (0: as fast
// as they are taken), `burst` of them at a time.
std::string events_path(std::uint64_t events, std::uint64_t gap_us, unsigned burst = 1);
// A path by which the backend answers with so many bytes of content.
std::string answer_path(std::size_t bytes);

// The body of a chat completion with a prompt of so many bytes.
std::string chat_body(std::size_t prompt_bytes, bool stream);

// A whole POST with this body.
std::string post(std::string_view path, std::string_view body);
// The same, its body in chunks of so many bytes.
std::string post_chunked(std::string_view path, std::string_view body, std::size_t chunk);

}  // namespace sluice::load
