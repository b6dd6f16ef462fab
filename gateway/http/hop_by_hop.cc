#include "gateway/http/hop_by_hop.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace sluice {
namespace {

template <class F>
void for_each_option(std::string_view list, F&& visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t'))
      item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t'))
      item.remove_suffix(1);
    if (!item.empty()) visit(item);
  }
}

constexpr std::uint64_t kHopByHop =
    Headers::mask({HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection,
                   HeaderId::kProxyAuthenticate, HeaderId::kProxyAuthorization, HeaderId::kTe,
                   HeaderId::kTrailer, HeaderId::kTransferEncoding, HeaderId::kUpgrade});

constexpr bool is_hop_by_hop(HeaderId id) noexcept {
  return (kHopByHop >> static_cast<unsigned>(id) & 1) != 0;
}

// Options that name no field to remove: connection options proper, and fields a nomination must not touch.
bool is_only_an_option(std::string_view option) noexcept {
  return equals_ignoring_case(option, "close") || equals_ignoring_case(option, "keep-alive") ||
         equals_ignoring_case(option, "host") || equals_ignoring_case(option, "content-length");
}

// A name among the headers, and whether Connection nominates it. Kept sorted, so that the 15,000 options that
// a 32 KiB head can hold are not each compared with every field (2.8 ms of CPU, a hundred times the parse).
struct Nominee {
  std::string_view name;
  bool nominated = false;
};

bool less_ignoring_case(std::string_view a, std::string_view b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return lower(x) < lower(y); });
}

std::vector<Nominee> sorted_names(const Headers& headers) {
  std::vector<Nominee> names;
  names.reserve(headers.size());
  for (std::size_t i = 0; i < headers.size(); ++i)
    names.push_back({headers[i].name});
  std::sort(names.begin(), names.end(),
            [](const Nominee& a, const Nominee& b) { return less_ignoring_case(a.name, b.name); });
  return names;
}

// The first entry of that name: the one that carries the mark for all of them.
Nominee* find(std::vector<Nominee>& names, std::string_view name) noexcept {
  const auto at =
      std::lower_bound(names.begin(), names.end(), name,
                       [](const Nominee& n, std::string_view t) { return less_ignoring_case(n.name, t); });
  return at != names.end() && equals_ignoring_case(at->name, name) ? &*at : nullptr;
}

}  // namespace

void remove_hop_by_hop(Headers& headers) {
  if (!headers.may_have_any(kHopByHop)) return;
  std::vector<Nominee> nominees;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (field.id != HeaderId::kConnection) continue;
    for_each_option(field.value, [&](std::string_view option) {
      if (is_only_an_option(option)) return;
      if (nominees.empty()) nominees = sorted_names(headers);
      if (Nominee* nominee = find(nominees, option)) nominee->nominated = true;
    });
  }
  if (nominees.empty()) return headers.remove_if([](const Headers::Field& f) { return is_hop_by_hop(f.id); });
  headers.remove_if([&](const Headers::Field& field) {
    if (is_hop_by_hop(field.id)) return true;
    const Nominee* nominee = find(nominees, field.name);
    return nominee != nullptr && nominee->nominated;
  });
}

bool has_connection_option(const Headers& headers, std::string_view option) noexcept {
  bool found = false;
  if (!headers.has(HeaderId::kConnection)) return found;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Headers::Field field = headers[i];
    if (field.id != HeaderId::kConnection) continue;
    for_each_option(field.value,
                    [&](std::string_view o) { found = found || equals_ignoring_case(o, option); });
  }
  return found;
}

}  // namespace sluice
