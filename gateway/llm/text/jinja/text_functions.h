#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::jinja {

// Python's string functions that templates use. Sizes of results are limited by Value::kHeaviest times 64
// bytes; beyond, std::invalid_argument is thrown before memory is taken.

enum class Side { kBoth, kLeft, kRight };

// Without `characters`, of which there may be 1,024: Python's white space.
std::string stripped(std::string_view text, Side side);
std::string stripped(std::string_view text, Side side, std::string_view characters);

std::vector<std::string> split_at_spaces(std::string_view text, std::int64_t most);
std::vector<std::string> split_at(std::string_view text, std::string_view separator, std::int64_t most);
std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t most);

// Unicode's full case mappings, of no particular language.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);        // Python's title(): every run of letters
std::string titled_words(std::string_view text);  // Jinja's: what stands between spaces, dashes and brackets
bool is_upper(std::string_view text);             // has cased letters, and all are upper case
bool is_lower(std::string_view text);

// Whether there are characters and all are of a kind.
bool is_alphabetic(std::string_view text);
bool is_alphanumeric(std::string_view text);
bool is_digits(std::string_view text);  // also superscripts, which Python counts
bool is_spaces(std::string_view text);

// Where `part` begins in `text` at or behind `from`; npos if nowhere. Linear in both, unlike
// std::string_view::find, whatever a template looks for.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from);

std::string indented(std::string_view text, std::string_view by, bool first, bool blank);

}  // namespace sluice::jinja
