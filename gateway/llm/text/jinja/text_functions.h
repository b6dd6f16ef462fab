#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::jinja {

// Python's string functions that templates use. Sizes of results are limited by Value::kHeaviest times 64
// bytes; beyond, std::invalid_argument is thrown before memory is taken.

enum class Side { kBoth, kLeft, kRight };

// Without `characters`: Python's white space.
std::string stripped(std::string_view text, Side side);
std::string stripped(std::string_view text, Side side, std::string_view characters);

std::vector<std::string> split_at_spaces(std::string_view text, std::int64_t most);
std::vector<std::string> split_at(std::string_view text, std::string_view separator, std::int64_t most);
std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t most);

// ASCII letters only; others are kept.
std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalized(std::string_view text);
std::string titled(std::string_view text);

std::string indented(std::string_view text, std::string_view by, bool first, bool blank);

}  // namespace sluice::jinja
