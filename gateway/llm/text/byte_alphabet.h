#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::text {

// Byte-level vocabularies write each of the 256 bytes as one printable character, so that a token is a JSON
// string: printable Latin-1 bytes stand for themselves, the others are numbered from U+0100 upwards.

// The bytes that a token of the vocabulary stands for; nothing if it holds a character outside the alphabet.
std::optional<std::string> bytes_from_alphabet(std::string_view token);

}  // namespace sluice::text
