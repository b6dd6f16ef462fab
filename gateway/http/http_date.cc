#include "gateway/http/http_date.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";

char* put(char* out, std::string_view text) noexcept {
  return std::ranges::copy(text, out).out;
}

char* put_digits(char* out, unsigned value, int width) noexcept {
  for (int i = width - 1; i >= 0; --i, value /= 10)
    out[i] = static_cast<char>('0' + value % 10);
  return out + width;
}

}  // namespace

// Not strftime: its names depend on the locale and it takes ten times as long.
HttpDate::HttpDate(WallTime time) noexcept {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(seconds - days);
  const unsigned month = static_cast<unsigned>(date.month());
  char* out = put(text_.data(), kDays.substr(std::chrono::weekday(days).c_encoding() * 3, 3));
  out = put_digits(put(out, ", "), static_cast<unsigned>(date.day()), 2);
  out = put(put(put(out, " "), kMonths.substr((month - 1) * 3, 3)), " ");
  out = put_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out = put_digits(put(out, " "), static_cast<unsigned>(clock.hours().count()), 2);
  out = put_digits(put(out, ":"), static_cast<unsigned>(clock.minutes().count()), 2);
  out = put_digits(put(out, ":"), static_cast<unsigned>(clock.seconds().count()), 2);
  put(out, " GMT");
}

}  // namespace sluice
