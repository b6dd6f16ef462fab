#include "gateway/http/target.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "gateway/http/header_id.h"

namespace sluice {
namespace {

std::unexpected<Error> refuse(const char* why) {
  return fail(ErrorKind::kMalformedRequest, std::string("request target: ") + why);
}

constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_dot_segment(std::string_view segment) noexcept {
  // "/..;x/" is a dot segment to servers that strip path parameters first, "/..%3Bx/" to those that do so
  // behind decoding.
  segment = segment.substr(0, segment.find(';'));
  segment = segment.substr(0, segment.find("%3B"));
  return segment == "." || segment == "..";
}

const char* check_segments(std::string_view path) noexcept {
  std::size_t start = 1;
  while (start <= path.size()) {
    std::size_t end = path.find('/', start);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(start, end - start);
    if (segment.empty() && end != path.size()) return "an empty path segment (\"//\")";
    if (is_dot_segment(segment)) return "a dot segment (\".\" or \"..\")";
    start = end + 1;
  }
  return nullptr;
}

// Where a character may stand in a path that is canonical as it is, as far as one look at each can tell.
enum class Place : std::uint8_t { kNowhere, kNotBehindSlash, kAnywhere };
constexpr std::array<Place, 256> kPlaces = [] {
  std::array<Place, 256> places{};
  for (int c = 0x21; c < 0x7f; ++c)
    places[static_cast<std::size_t>(c)] = Place::kAnywhere;
  for (const char c : std::string_view("#%?\\"))
    places[static_cast<unsigned char>(c)] = Place::kNowhere;
  places['/'] = places['.'] = Place::kNotBehindSlash;
  return places;
}();

// No query, no escape, no empty segment, and none that begins with a dot: nearly every target.
bool is_plain_path(std::string_view raw) noexcept {
  if (!raw.starts_with('/')) return false;
  Place least = Place::kAnywhere;
  for (const char c : raw.substr(1)) {
    if (kPlaces[static_cast<unsigned char>(c)] < least) return false;
    least = c == '/' ? Place::kAnywhere : Place::kNotBehindSlash;
  }
  return true;
}

// Sets the canonical form, which lies in `raw` or in `rewritten`; returns the reason if there is none.
const char* canonical_path(std::string_view raw, std::string& rewritten, std::string_view& path) {
  if (raw.find('%') == std::string_view::npos) {
    path = raw;
    return check_segments(path);
  }
  constexpr char kHex[] = "0123456789ABCDEF";
  rewritten.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      rewritten.push_back(raw[i]);
      continue;
    }
    if (i + 2 >= raw.size()) return "an incomplete percent-escape";
    const int high = hex_value(raw[i + 1]);
    const int low = hex_value(raw[i + 2]);
    if (high < 0 || low < 0) return "a percent-escape that is not hexadecimal";
    const char c = static_cast<char>(high * 16 + low);
    if (c == '/' || c == '\\' || c == '\0') return "an escaped slash, backslash or NUL";
    if (is_unreserved(c)) {
      rewritten.push_back(c);
    } else {
      rewritten.push_back('%');
      rewritten.push_back(kHex[high]);
      rewritten.push_back(kHex[low]);
    }
    i += 2;
  }
  path = rewritten;
  return check_segments(path);
}

const char* forbidden_character(std::string_view raw) noexcept {
  for (const char c : raw) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u >= 0x7f) return "a space, control or non-ASCII character; escape it";
    if (c == '#') return "a fragment";
    if (c == '\\') return "a backslash";
  }
  return nullptr;
}

}  // namespace

bool is_valid_authority(std::string_view text) noexcept {
  if (text.empty()) return false;
  std::size_t host_end = text.size();
  if (text.front() == '[') {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (const char c : text.substr(1, close - 1)) {
      if (hex_value(c) < 0 && c != ':' && c != '.') return false;
    }
    host_end = close + 1;
  } else {
    host_end = std::min(text.find(':'), text.size());
    if (host_end == 0) return false;
    for (const char c : text.substr(0, host_end)) {
      if (!is_unreserved(c)) return false;
    }
  }
  if (host_end == text.size()) return true;
  if (text[host_end] != ':' || text.size() - host_end > 6) return false;
  for (const char c : text.substr(host_end + 1)) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

Result<Target> parse_target(std::string_view raw, std::string& rewritten) {
  Target target;
  rewritten.clear();
  if (is_plain_path(raw)) {
    target.path = raw;
    return target;
  }
  if (const char* why = forbidden_character(raw)) return refuse(why);
  if (raw == "*") {
    target.path = raw;
    return target;
  }
  if (raw.empty()) return refuse("empty");
  if (raw.front() != '/') {
    // absolute-form; the scheme does not matter to an HTTP/1 server that is asked directly.
    const std::size_t scheme_end = raw.find("://");
    const std::string_view scheme = raw.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
    if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) {
      return refuse("neither a path nor an http URI");
    }
    raw.remove_prefix(scheme_end + 3);
    const std::size_t authority_end = std::min(raw.find_first_of("/?"), raw.size());
    target.authority = raw.substr(0, authority_end);
    if (!is_valid_authority(target.authority)) return refuse("an invalid authority");
    raw.remove_prefix(authority_end);
  }
  const std::size_t query_start = std::min(raw.find('?'), raw.size());
  target.query = raw.substr(query_start);
  const std::string_view path = raw.substr(0, query_start);
  if (path.empty()) {
    target.path = rewritten = "/";
  } else if (const char* why = canonical_path(path, rewritten, target.path)) {
    return refuse(why);
  }
  return target;
}

}  // namespace sluice
