#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::text {

// Appends `bytes` to `out` as well-formed UTF-8 and returns how many bytes it used. Each maximal ill-formed
// subpart becomes one U+FFFD (Unicode 15, section 3.9, the practice of the Encoding Standard). A character
// cut off by the end of `bytes` is left unused, at most three bytes, unless `last` is set: then it becomes
// one U+FFFD.
std::size_t append_utf8(std::string_view bytes, bool last, std::string& out);

bool is_valid_utf8(std::string_view text) noexcept;

// Reads the code point at `position` of a well-formed text and moves `position` behind it.
char32_t next_code_point(std::string_view text, std::size_t& position) noexcept;

// Appends a Unicode scalar value; anything else becomes U+FFFD.
void append_code_point(char32_t code_point, std::string& out);

// The number of code points of a well-formed text.
std::size_t count_code_points(std::string_view text) noexcept;

}  // namespace sluice::text
