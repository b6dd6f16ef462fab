#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice {

// Appends `text` to `out` as the inside of a JSON string (no quotes around it), safe in an answer and in a
// log of one line per request: '"' and '\' are escaped, and so is everything that a terminal or a log reader
// may take for a line end or a command: C0, DEL, C1 (with NEL, U+0085), U+2028, U+2029. Bytes that are not
// UTF-8 become U+FFFD, one for each maximal part of a broken sequence, so the result is always valid JSON. At
// most 6 times as long as `text`.
void json_escape(std::string_view text, std::string& out);

// How many bytes at the beginning of `text` json_escape() leaves as they are.
std::size_t json_plain_size(std::string_view text) noexcept;

// The length (1 to 4) of the well-formed UTF-8 sequence (Unicode 15, table 3-7) that `text` begins with; 0 if
// it is empty or begins with none: no overlong forms, no surrogates, nothing past U+10FFFF.
std::size_t utf8_sequence_length(std::string_view text) noexcept;

}  // namespace sluice
