#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

// What became of one attempt to load the configuration anew.
struct ReloadReport {
  bool ok = false;
  bool changed = false;                    // false with ok: the file says what runs already
  std::uint64_t generation = 0;            // of what runs now; 1 is what the process started with
  double milliseconds = 0;                 // from the reading of the file to the last shard's swap
  double blocked_milliseconds = 0;         // the longest that a shard served nothing else for it
  std::vector<std::string> problems = {};  // diagnostics with their places; with ok they are warnings
};

}  // namespace sluice
