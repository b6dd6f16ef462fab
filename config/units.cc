#include "config/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <span>

namespace sluice::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

struct Quantity {
  std::string_view noun;
  std::string_view examples;
  std::span<const Unit> units;  // as printing prefers them
  std::string_view zero_unit;   // the one that reads best
};

constexpr Unit kDurationUnits[] = {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000},
                                   {"ms", 1'000'000},        {"us", 1'000},         {"ns", 1}};
constexpr Unit kSizeUnits[] = {{"GiB", 1LL << 30},
                               {"MiB", 1LL << 20},
                               {"KiB", 1LL << 10},
                               {"GB", 1'000'000'000},
                               {"MB", 1'000'000},
                               {"kB", 1'000},
                               {"B", 1}};
constexpr Unit kShareUnits[] = {{"%", 10'000}, {"ppm", 1}};
constexpr Quantity kDuration{"a duration", "250ms, 5s or 10m", kDurationUnits, "s"};
constexpr Quantity kSize{"a size", "512B, 64KiB or 16MiB", kSizeUnits, "B"};
constexpr Quantity kShare{"a share", "1% or 0.5%", kShareUnits, "%"};

constexpr std::size_t kShownBytes = 60;
constexpr std::size_t kMaxDecimals = 9;

std::unexpected<std::string> wrong(std::string_view what, std::string_view text, const Quantity& quantity) {
  return std::unexpected(
      fmt::format("{}, got {}; write for example {}", what, in_quotes(text), quantity.examples));
}

std::size_t leading_digits(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::find_if(text, [](char c) { return c < '0' || c > '9'; }) -
                                  text.begin());
}

std::expected<std::int64_t, std::string> parse_quantity(std::string_view text, const Quantity& quantity) {
  const std::string is_not = fmt::format("is not {}", quantity.noun);
  const std::size_t whole_digits = leading_digits(text);
  if (whole_digits == 0) return wrong(is_not, text, quantity);
  std::string_view unit_name = text.substr(whole_digits);
  std::string_view decimals;
  if (unit_name.starts_with('.')) {
    decimals = unit_name.substr(1, leading_digits(unit_name.substr(1)));
    unit_name = unit_name.substr(1 + decimals.size());
    if (decimals.empty() || decimals.size() > kMaxDecimals) return wrong(is_not, text, quantity);
  }
  if (unit_name.empty()) {
    if (text == "0") return 0;
    return wrong("needs a unit", text, quantity);
  }
  const auto unit = std::ranges::find(quantity.units, unit_name, &Unit::name);
  if (unit == quantity.units.end())
    return wrong(fmt::format("has an unknown unit {}", in_quotes(unit_name)), text, quantity);

  // 18 digits and a factor below 2^42 fit 128 bits with room; more digits are out of every range anyway.
  if (whole_digits + decimals.size() > 18) return wrong("is too long a number", text, quantity);
  __extension__ using Wide = __int128;
  Wide value = 0;
  Wide divisor = 1;
  for (const char c : text.substr(0, whole_digits))
    value = value * 10 + (c - '0');
  for (const char c : decimals) {
    value = value * 10 + (c - '0');
    divisor *= 10;
  }
  value *= unit->factor;
  if (value % divisor != 0)
    return wrong(fmt::format("is finer than 1{}", quantity.units.back().name), text, quantity);
  value /= divisor;
  if (value > std::numeric_limits<std::int64_t>::max()) return wrong("is too large", text, quantity);
  return static_cast<std::int64_t>(value);
}

std::string format_quantity(std::int64_t value, const Quantity& quantity) {
  if (value == 0) return fmt::format("0{}", quantity.zero_unit);
  for (const Unit& unit : quantity.units) {
    if (value % unit.factor == 0) return fmt::format("{}{}", value / unit.factor, unit.name);
  }
  return fmt::format("{}", value);
}

}  // namespace

std::expected<std::int64_t, std::string> parse_duration(std::string_view text) {
  return parse_quantity(text, kDuration);
}

std::expected<std::int64_t, std::string> parse_size(std::string_view text) {
  return parse_quantity(text, kSize);
}

std::expected<std::int64_t, std::string> parse_share(std::string_view text) {
  return parse_quantity(text, kShare);
}

std::expected<std::int64_t, std::string> parse_count(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::unexpected(fmt::format("is not a whole number, got {}", in_quotes(text)));
  }
  return value;
}

std::string format_duration(std::int64_t nanoseconds) {
  return format_quantity(nanoseconds, kDuration);
}
std::string format_share(std::int64_t millionths) {
  return format_quantity(millionths, kShare);
}
std::string format_size(std::int64_t bytes) {
  return format_quantity(bytes, kSize);
}

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > kShownBytes;
  std::size_t shown = cut ? kShownBytes : text.size();
  while (cut && shown > 0 && (static_cast<unsigned char>(text[shown]) & 0xC0U) == 0x80U)
    --shown;
  std::string out = "\"";
  for (const char c : text.substr(0, shown)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + (cut ? "…\"" : "\"");
}

}  // namespace sluice::config
