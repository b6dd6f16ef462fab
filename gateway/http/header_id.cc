#include "gateway/http/header_id.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace sluice {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 35> kNames{
    "",
    "accept",
    "authorization",
    "client-cert",
    "client-cert-chain",
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
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
};
static_assert(static_cast<std::size_t>(HeaderId::kXRequestId) + 1 == kNames.size());
static_assert(kNames.size() <= 64, "Headers has a bit for each");

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// A perfect hash of the names over their length, first and last letter: a look-up compares with one name at
// most. The factor is found when this file is compiled; adding a name finds another one.
constexpr std::size_t kBuckets = 128;
constexpr std::size_t bucket_of(std::string_view name, std::size_t factor) noexcept {
  // Other characters may fall together: the name is compared in the end.
  const auto letter = [](char c) { return static_cast<std::size_t>(static_cast<unsigned char>(c) | 0x20); };
  return (name.size() * factor + letter(name.front()) * (factor >> 3) + letter(name.back()) * (factor >> 6) +
          letter(name[name.size() / 2])) %
         kBuckets;
}

constexpr bool is_perfect(std::size_t factor) {
  std::array<bool, kBuckets> taken{};
  for (std::size_t id = 1; id < kNames.size(); ++id) {
    bool& slot = taken[bucket_of(kNames[id], factor)];
    if (slot) return false;
    slot = true;
  }
  return true;
}

constexpr std::size_t find_factor() {
  std::size_t factor = 1;
  while (!is_perfect(factor))
    ++factor;
  return factor;
}
constexpr std::size_t kFactor = find_factor();

constexpr std::array<std::uint8_t, kBuckets> make_table() {
  std::array<std::uint8_t, kBuckets> table{};
  for (std::size_t id = 1; id < kNames.size(); ++id) {
    table[bucket_of(kNames[id], kFactor)] = static_cast<std::uint8_t>(id);
  }
  return table;
}
constexpr std::array<std::uint8_t, kBuckets> kTable = make_table();

// Four or eight bytes at a time.
constexpr std::size_t kHalf = sizeof(std::uint32_t);
constexpr std::size_t kWord = sizeof(std::uint64_t);

std::uint64_t load(const char* text) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, text, kWord);
  return word;
}

// Of 4 to 8 bytes: the first four and the last four.
std::uint64_t load_halves(const char* text, std::size_t size) noexcept {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::memcpy(&first, text, kHalf);
  std::memcpy(&last, text + size - kHalf, kHalf);
  return first | std::uint64_t{last} << 32;
}

// lower() of each byte: a byte's high bit is set where it is a letter from A to Z, and becomes bit 5.
constexpr std::uint64_t lower(std::uint64_t word) noexcept {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t low7 = word & (0x7f * kOnes);
  const std::uint64_t from_a = low7 + (0x80 - 'A') * kOnes;
  const std::uint64_t past_z = low7 + (0x80 - 'Z' - 1) * kOnes;
  const std::uint64_t upper = (from_a & ~past_z & ~word) & (0x80 * kOnes);
  return word | upper >> 2;
}

// Two texts of one size; `fold_b` makes what was loaded of the second lower case, if it is not.
template <class FoldB>
bool equal(const char* a, const char* b, std::size_t size, FoldB fold_b) noexcept {
  if (size < kHalf) {
    for (std::size_t i = 0; i < size; ++i) {
      if (lower(a[i]) != static_cast<char>(fold_b(static_cast<unsigned char>(b[i])))) return false;
    }
    return true;
  }
  if (size < kWord) return lower(load_halves(a, size)) == fold_b(load_halves(b, size));
  const std::size_t last = size - kWord;
  for (std::size_t at = 0; at < last; at += kWord) {
    if (lower(load(a + at)) != fold_b(load(b + at))) return false;
  }
  return lower(load(a + last)) == fold_b(load(b + last));
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         equal(a.data(), b.data(), a.size(), [](std::uint64_t word) { return lower(word); });
}

HeaderId header_id(std::string_view name) noexcept {
  if (name.empty()) return HeaderId::kOther;
  const std::uint8_t id = kTable[bucket_of(name, kFactor)];
  const std::string_view known = kNames[id];
  if (name.size() != known.size()) return HeaderId::kOther;
  const bool same = equal(name.data(), known.data(), name.size(), [](std::uint64_t word) { return word; });
  return same ? static_cast<HeaderId>(id) : HeaderId::kOther;
}

std::string_view header_name(HeaderId id) noexcept {
  return kNames[static_cast<std::size_t>(id)];
}

}  // namespace sluice
