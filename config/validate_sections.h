#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/problems.h"
#include "config/units.h"

// The parts of `validate`, one per section of the file. Each reports into `problems` and leaves out values
// that could not be read.
namespace sluice::config {

// Names and addresses that are taken twice.
void validate_listening(const Config& config, Problems& problems);
// Endpoints, pools and discovery, each cluster by itself.
void validate_clusters(const Config& config, Problems& problems);
// Endpoints that stand twice in the list at this path.
void validate_endpoints(const std::vector<Endpoint>& endpoints, const std::string& list, Problems& problems);
// What routes refer to, and their edits.
void validate_routes(const Config& config, Problems& problems);

// What is allowed but most likely a mistake. Only for a file without errors: beside them a warning would be
// noise, since a misspelt reference alone makes its cluster unused.
void warn_about_clusters(const Config& config, Problems& problems);
void warn_about_routes(const Config& config, Problems& problems);

template <class Item, class Wanted>
bool contains(const std::vector<Item>& items, const Wanted& wanted) {
  return std::ranges::find(items, wanted) != items.end();
}

// `list[index].key`.
inline std::string item_path(std::string_view list, std::size_t index, std::string_view key) {
  return join_path(index_path(list, index), key);
}

inline void complain_of_duplicate(Problems& problems, const std::string& path, const std::string& what,
                                  const std::string& first, std::string_view remedy) {
  problems.error(path, fmt::format("{} is already taken by {} in line {}; {}", what, first,
                                   problems.find(first).line, remedy));
}

// Names that must differ within a list. `remedy` completes the message.
template <class Item>
void check_names(const std::vector<Item>& items, std::string_view list, Problems& problems,
                 std::string_view remedy) {
  std::map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string path = item_path(list, i, "name");
    if (problems.failed(path)) continue;
    const auto [it, is_new] = first.emplace(items[i].name, i);
    if (!is_new)
      complain_of_duplicate(problems, path, in_quotes(items[i].name), index_path(list, it->second), remedy);
  }
}

}  // namespace sluice::config
