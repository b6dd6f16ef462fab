#include "config/text_rule.h"

#include <algorithm>
#include <cstddef>

namespace sluice::config {
namespace {

constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kMaxModel = 256;

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

// RFC 9110 9.1 tells case apart and every registered method is in capitals, so `post` is an error.
bool is_method(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; };
  return !text.empty() && text.size() <= kMaxMethod && std::ranges::all_of(text, fits);
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
constexpr TextRule kMethodText{"must be an HTTP method in capitals, for example POST", "^[A-Z-]{1,32}$",
                               is_method};
constexpr TextRule kModelText{"must be 1 to 256 bytes without control characters",
                              R"(^[^\u0000-\u001f\u007f]{1,256}$)", is_model};

}  // namespace sluice::config
