#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

#include "gateway/http/head.h"

namespace sluice::fuzz {

inline void expect(bool condition, std::source_location where = std::source_location::current()) {
  if (condition) return;
  std::fprintf(stderr, "%s:%u: this may never happen\n", where.file_name(), where.line());
  std::abort();
}

inline bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// What no request that reaches a handler may break, whatever its protocol.
inline void expect_sound(const RequestHead& head) {
  expect(head.path() == "*" || head.path().starts_with('/'));
  expect(head.path().find("/../") == std::string_view::npos && !head.path().ends_with("/.."));
  expect(is_one_line(head.path()) && is_one_line(head.query()) && is_one_line(head.authority()));
  for (std::size_t i = 0; i < head.headers.size(); ++i) {
    const Headers::Field field = head.headers[i];
    expect(!field.name.empty() && is_one_line(field.name) && is_one_line(field.value));
    expect(!field.name.starts_with(':'));
    expect(field.id != HeaderId::kContentLength && field.id != HeaderId::kTransferEncoding);
    expect(field.id != HeaderId::kConnection && field.id != HeaderId::kHost);
  }
}

}  // namespace sluice::fuzz
