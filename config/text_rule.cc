#include "config/text_rule.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "gateway/base/address.h"

namespace sluice::config {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxModel = 256;
constexpr std::size_t kMaxDnsName = 253;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool is_printable(std::string_view text) {
  return !text.empty() && std::ranges::none_of(text, is_control);
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("-_.:/[]").contains(c);
  };
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, fits);
}

// RFC 3986 3.3: visible ASCII. A query or fragment is not matched against, so none may stand here.
bool is_path(std::string_view text) {
  const auto fits = [](char c) { return c > ' ' && c <= '~' && c != '?' && c != '#'; };
  return text.starts_with('/') && std::ranges::all_of(text, fits);
}

// Those that the codecs take. RFC 9110 9.1 tells case apart, so `post` is an error.
bool is_method(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kMethods{"GET",    "HEAD",  "POST",   "PUT",
                                                            "DELETE", "PATCH", "OPTIONS"};
  return std::ranges::find(kMethods, text) != kMethods.end();
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
  };
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, fits);
}

bool is_dns_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kMaxDnsName && std::ranges::all_of(text, fits);
}

// An IPv6 address in brackets is a host name too.
bool is_host_pattern(std::string_view text) {
  if (text.starts_with("[") && text.ends_with("]")) {
    text = text.substr(1, text.size() - 2);
    return !text.empty() && text.size() <= 45 && std::ranges::all_of(text, [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    });
  }
  if (text.starts_with("*.")) text.remove_prefix(2);
  return is_dns_name(text);
}

bool is_host(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("-_.:").contains(c);
  };
  return !text.empty() && text.size() <= kMaxDnsName && std::ranges::all_of(text, fits);
}

bool is_scheme(std::string_view text) {
  return text == "http" || text == "https";
}

bool is_authority(std::string_view text) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("-._:[]").contains(c);
  };
  return !text.empty() && text.size() <= kMaxModel && std::ranges::all_of(text, fits);
}

bool is_http_url(std::string_view text) {
  if (!text.starts_with("http://")) return false;
  text.remove_prefix(7);
  const auto fits = [](char c) { return c > ' ' && c <= '~' && c != '?' && c != '#' && c != '@'; };
  if (text.size() > kMaxModel || !std::ranges::all_of(text, fits)) return false;
  const Result<Address> address = parse_address(text.substr(0, text.find('/')));
  return address && address->kind == Address::Kind::kTcp && address->port != 0;
}

bool is_model(std::string_view text) {
  return is_printable(text) && text.size() <= kMaxModel;
}

}  // namespace

constexpr TextRule kAnyText{"must not be empty or hold a control character", R"(^[^\u0000-\u001f\u007f]+$)",
                            is_printable};
constexpr TextRule kNameText{"must be 1 to 64 letters, digits or - _ . : / [ ]",
                             R"(^[A-Za-z0-9_.:/\[\]-]{1,64}$)", is_name};
constexpr TextRule kPathText{"must start with / and hold no space, ? or #", R"(^/[!-"$->@-~]*$)", is_path};
constexpr TextRule kMethodText{"must be one of GET, HEAD, POST, PUT, DELETE, PATCH and OPTIONS",
                               "^(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS)$", is_method};
constexpr TextRule kFieldNameText{"must be 1 to 64 letters, digits or ! # $ % & ' * + - . ^ _ ` | ~",
                                  R"(^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$)", is_token};
constexpr TextRule kHostPatternText{"must be a host name in lower case, perhaps with *. in front",
                                    R"(^(\[[0-9a-f:.]{1,45}\]|(\*\.)?[a-z0-9_.-]{1,253})$)", is_host_pattern};
constexpr TextRule kDnsNameText{"must be a DNS name in lower case", R"(^[a-z0-9_.-]{1,253}$)", is_dns_name};
constexpr TextRule kHostText{"must be a host name or an IP address", "^[A-Za-z0-9_.:-]{1,253}$", is_host};
constexpr TextRule kSchemeText{"must be http or https", "^https?$", is_scheme};
constexpr TextRule kAuthorityText{"must be a host, perhaps with a port", R"(^[A-Za-z0-9._:\[\]-]{1,256}$)",
                                  is_authority};
constexpr TextRule kHttpUrlText{"must be http://HOST:PORT, perhaps with a path, in at most 263 bytes",
                                R"(^http://[!-"$-.0->A-~][!-"$->A-~]{0,255}$)", is_http_url};
constexpr TextRule kModelText{"must be 1 to 256 bytes without control characters",
                              R"(^[^\u0000-\u001f\u007f]{1,256}$)", is_model};

}  // namespace sluice::config
