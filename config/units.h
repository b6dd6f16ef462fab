#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace sluice::config {

// Numbers with units, as a configuration writes them: `250ms`, `1.5s`, `10m`; `512B`, `64kB`, `8KiB`. A
// duration is in nanoseconds, a size in bytes; only 0 needs no unit. The error is the end of a sentence that
// starts with the key: `needs a unit, got "5"; write for example 250ms, 5s or 10m`.
std::expected<std::int64_t, std::string> parse_duration(std::string_view text);
std::expected<std::int64_t, std::string> parse_size(std::string_view text);
// In millionths: `1%` is 10,000. Only 0 needs no unit.
std::expected<std::int64_t, std::string> parse_share(std::string_view text);
std::expected<std::int64_t, std::string> parse_count(std::string_view text);

// The shortest exact form that the parsers above read: 90s as `90s`, 60s as `1m`, 1024 as `1KiB`.
std::string format_duration(std::int64_t nanoseconds);
std::string format_size(std::int64_t bytes);
std::string format_share(std::int64_t millionths);

// `"text"` for a message: control characters escaped, cut after 60 bytes.
std::string in_quotes(std::string_view text);

}  // namespace sluice::config
