#include "backends/worker/api/stop_strings.h"

#include <algorithm>

namespace sluice::worker {

// The match that ends first behind the `known` bytes, which were searched before.
StopStrings::Match StopStrings::find(std::size_t known) const {
  Match first;
  for (const std::string& stop : stops_) {
    const std::size_t from = known + 1 > stop.size() ? known + 1 - stop.size() : 0;
    const std::size_t begin = held_.find(stop, from);
    if (begin == std::string::npos || begin + stop.size() >= first.end) continue;
    first = {begin, begin + stop.size(), &stop};
  }
  return first;
}

// Where the longest end of the text begins that may be the beginning of a stop string.
std::size_t StopStrings::held_from() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t size = std::min(stop.size() - 1, held_.size()); size > longest; --size) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, size))) longest = size;
    }
  }
  return held_.size() - longest;
}

std::optional<std::string> StopStrings::push(std::string_view piece, bool search, std::string& out) {
  const std::size_t known = held_.size();
  held_ += piece;
  if (search) {
    if (const Match match = find(known); match.stop != nullptr) {
      out.append(held_, 0, keep_ ? match.end : match.begin);
      return *match.stop;
    }
  }
  const std::size_t shown = held_from();
  out.append(held_, 0, shown);
  held_.erase(0, shown);
  return std::nullopt;
}

void StopStrings::flush(std::string& out) {
  out += held_;
  held_.clear();
}

}  // namespace sluice::worker
