#include "config/route_cover.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/ip_network.h"

namespace sluice::config {
namespace {

enum class Case : bool { kMatters, kIgnored };

bool same_name(std::string_view a, std::string_view b, Case letter_case) {
  if (letter_case == Case::kMatters) return a == b;
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool path_covers(const PathMatch& wide, const PathMatch& narrow) {
  if (wide.exact) return wide.exact == narrow.exact;
  if (wide.regex) return wide.regex == narrow.regex;
  if (narrow.regex) return wide.prefix == "/";
  return (narrow.exact ? *narrow.exact : *narrow.prefix).starts_with(*wide.prefix);
}

// Of alternatives: an empty list takes everything, any other only what one of its items takes.
template <class Covers>
bool list_covers(const std::vector<std::string>& wide, const std::vector<std::string>& narrow,
                 Covers item_covers) {
  if (wide.empty()) return true;
  return !narrow.empty() && std::ranges::all_of(narrow, [&](const std::string& item) {
    return std::ranges::any_of(wide, [&](const std::string& w) { return item_covers(w, item); });
  });
}

bool list_covers(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  return list_covers(wide, narrow, [](const std::string& w, const std::string& n) { return w == n; });
}

// `*.example.org` takes every name below it, also those that `*.api.example.org` takes.
bool host_covers(std::string_view wide, std::string_view narrow) {
  if (!wide.starts_with("*.")) return wide == narrow;
  if (narrow.starts_with("*.")) return narrow.substr(1).ends_with(wide.substr(1));
  return narrow.size() >= wide.size() && narrow.ends_with(wide.substr(1));
}

bool network_covers(const std::string& wide, const std::string& narrow) {
  const auto outer = IpNetwork::parse(wide);
  const auto inner = IpNetwork::parse(narrow);
  return outer && inner && outer->contains(*inner);
}

// That the field must not be there is the one condition that no value fulfils.
bool field_covers(const FieldMatch& wide, const FieldMatch& narrow) {
  const bool narrow_is_absent = narrow.present == false;
  if (wide.present == false || narrow_is_absent) return (wide.present == false) == narrow_is_absent;
  if (wide.exact) return wide.exact == narrow.exact;
  if (wide.regex) return wide.regex == narrow.regex;
  if (!wide.prefix) return true;
  const std::optional<std::string>& start = narrow.exact ? narrow.exact : narrow.prefix;
  return start && start->starts_with(*wide.prefix);
}

// Of conditions that must all be fulfilled: each that `wide` makes follows from one that `narrow` makes.
bool fields_cover(const std::vector<FieldMatch>& wide, const std::vector<FieldMatch>& narrow,
                  Case letter_case) {
  return std::ranges::all_of(wide, [&](const FieldMatch& w) {
    return std::ranges::any_of(narrow, [&](const FieldMatch& n) {
      return same_name(w.name, n.name, letter_case) && field_covers(w, n);
    });
  });
}

bool members_cover(const std::vector<MemberMatch>& wide, const std::vector<MemberMatch>& narrow) {
  return std::ranges::all_of(wide, [&](const MemberMatch& w) {
    return std::ranges::any_of(
        narrow, [&](const MemberMatch& n) { return w.name == n.name && list_covers(w.values, n.values); });
  });
}

}  // namespace

// The cheap comparisons that mostly decide come first: a file's routes are compared each with each.
bool covers(const Match& wide, const Match& narrow) {
  return path_covers(wide.path, narrow.path) && list_covers(wide.methods, narrow.methods) &&
         (!wide.stream || wide.stream == narrow.stream) && list_covers(wide.model, narrow.model) &&
         list_covers(wide.hosts, narrow.hosts, host_covers) &&
         fields_cover(wide.headers, narrow.headers, Case::kIgnored) &&
         fields_cover(wide.query, narrow.query, Case::kMatters) &&
         members_cover(wide.members, narrow.members) &&
         list_covers(wide.clients, narrow.clients, network_covers);
}

}  // namespace sluice::config
