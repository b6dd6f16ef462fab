#include "gateway/proxy/path_index.h"

#include <algorithm>
#include <set>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice {

std::size_t PathIndex::TextHash::operator()(std::string_view text) const noexcept {
  return XXH3_64bits(text.data(), text.size());
}

PathIndex::PathIndex(const std::vector<Entry>& routes) {
  // Adds the list of the routes that a path may take that begins with `text`, or `exactly`: is `text`.
  const auto add_list = [&](std::string_view text, bool exactly) {
    List& list = lists_.emplace_back();
    for (std::uint32_t i = 0; i < routes.size(); ++i) {
      const Entry& route = routes[i];
      const bool fits = route.kind == PathKind::kRegex ||
                        (route.kind == PathKind::kPrefix && text.starts_with(route.text)) ||
                        (route.kind == PathKind::kExact && exactly && text == route.text);
      if (fits) list.push_back(i);
    }
    return lists_.size() - 1;
  };

  lists_.emplace_back();
  std::set<std::string_view> prefixes;
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const Entry& route = routes[i];
    if (route.kind == PathKind::kRegex) lists_[kAnywhere].push_back(i);
    if (route.kind == PathKind::kPrefix) prefixes.insert(route.text);
    if (route.kind == PathKind::kExact && !exact_.contains(route.text))
      exact_.emplace(route.text, add_list(route.text, true));
  }
  for (const std::string_view text : prefixes) {
    // What this one begins with was sorted before it: the one just before, or one of that one's parents.
    std::int32_t parent = static_cast<std::int32_t>(prefixes_.size()) - 1;
    while (parent >= 0 && !text.starts_with(prefixes_[static_cast<std::size_t>(parent)].text))
      parent = prefixes_[static_cast<std::size_t>(parent)].parent;
    prefixes_.push_back({std::string(text), add_list(text, false), parent});
  }
}

std::size_t PathIndex::find(std::string_view path) const noexcept {
  const auto found = exact_.find(path);
  return found != exact_.end() ? found->second : by_prefix(path);
}

std::size_t PathIndex::by_prefix(std::string_view path) const noexcept {
  // Every text between a prefix of the path and the path begins with that prefix, so that the last text up to
  // the path leads to all of them by its parents.
  const auto behind = std::ranges::upper_bound(prefixes_, path, {}, &Prefix::text);
  auto at = static_cast<std::int32_t>(behind - prefixes_.begin()) - 1;
  while (at >= 0 && !path.starts_with(prefixes_[static_cast<std::size_t>(at)].text))
    at = prefixes_[static_cast<std::size_t>(at)].parent;
  return at >= 0 ? prefixes_[static_cast<std::size_t>(at)].list : kAnywhere;
}

}  // namespace sluice
