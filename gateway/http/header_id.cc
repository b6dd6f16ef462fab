#include "gateway/http/header_id.h"

#include <array>
#include <cstddef>

namespace sluice {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 32> kNames{
    "",
    "accept",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
};
static_assert(static_cast<std::size_t>(HeaderId::kXRequestId) + 1 == kNames.size());

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// The names grouped by length and first letter share a bucket of at most three: one comparison is the usual
// case.
constexpr std::size_t kBuckets = 128;
constexpr std::size_t bucket_of(std::string_view name) noexcept {
  return (name.size() * 5 + static_cast<unsigned char>(lower(name.front())) * 3 +
          static_cast<unsigned char>(lower(name.back()))) %
         kBuckets;
}

struct Table {
  // Chained: first[b] is an id, next[id] the following one, 0 ends the chain.
  std::array<std::uint8_t, kBuckets> first{};
  std::array<std::uint8_t, kNames.size()> next{};
};

constexpr Table make_table() {
  Table table;
  for (std::size_t id = 1; id < kNames.size(); ++id) {
    const std::size_t b = bucket_of(kNames[id]);
    table.next[id] = table.first[b];
    table.first[b] = static_cast<std::uint8_t>(id);
  }
  return table;
}
constexpr Table kTable = make_table();

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

HeaderId header_id(std::string_view name) noexcept {
  if (name.empty()) return HeaderId::kOther;
  for (std::size_t id = kTable.first[bucket_of(name)]; id != 0; id = kTable.next[id]) {
    if (equals_ignoring_case(name, kNames[id])) return static_cast<HeaderId>(id);
  }
  return HeaderId::kOther;
}

std::string_view header_name(HeaderId id) noexcept {
  return kNames[static_cast<std::size_t>(id)];
}

}  // namespace sluice
