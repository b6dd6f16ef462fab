#include "gateway/http/http_date.h"

namespace sluice {
namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

void append_digits(std::string& out, unsigned value, int width) {
  char digits[4];
  for (int i = width - 1; i >= 0; --i, value /= 10)
    digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

}  // namespace

// Not strftime: its names depend on the locale and it takes ten times as long.
std::string http_date(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(seconds - days);
  const unsigned month = static_cast<unsigned>(date.month());
  std::string out;
  out.reserve(29);
  out.append(kDays.substr(std::chrono::weekday(days).c_encoding() * 3, 3)).append(", ");
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out.append(" ").append(kMonths.substr((month - 1) * 3, 3)).append(" ");
  append_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out.append(" ");
  append_digits(out, static_cast<unsigned>(clock.hours().count()), 2);
  out.append(":");
  append_digits(out, static_cast<unsigned>(clock.minutes().count()), 2);
  out.append(":");
  append_digits(out, static_cast<unsigned>(clock.seconds().count()), 2);
  return out.append(" GMT");
}

}  // namespace sluice
