#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice::config {

// One setting that differs between two configurations.
struct Change {
  // As `clusters[models].endpoints[127.0.0.1:8000].weight`: items of a list stand under their name or
  // address, or under their place where they have neither.
  std::string path;
  // What the setting was and is, on one line as YAML, sections without their defaults; nullopt where it did
  // not or does not exist.
  std::optional<std::string> before = {};
  std::optional<std::string> after = {};

  bool operator==(const Change&) const = default;
};

// Everything that differs, in the order of the file. Works on the description of the configuration, so a new
// key needs nothing here. A list whose items only changed places is one change of the list itself. Files that
// the configuration names are compared where both were read. Empty exactly when before == after, files aside.
std::vector<Change> difference(const Config& before, const Config& after);

}  // namespace sluice::config
