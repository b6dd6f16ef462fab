#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sluice::config {

// The candidate that `word` was probably meant to be: the one with the fewest wrong, missing, extra or
// swapped letters, if that is about one per three letters of the word or less; else one that the word begins
// or is begun by.
std::optional<std::string_view> suggest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice::config
