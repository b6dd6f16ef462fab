#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::worker {

// Finds the first stop string in a text that arrives in pieces, and lets no part of it out before.
//
// Of several stop strings the one that is complete first wins, at a tie the first in the list. Text is held
// back only while it may still become a stop string: the longest end of the text that one of them begins
// with. At most the longest stop string, less a byte, is held.
//
// Not for several threads.
class StopStrings {
 public:
  // `stops` holds no empty string and outlives it. `keep` leaves the stop string itself in the text.
  StopStrings(const std::vector<std::string>& stops, bool keep) : stops_(stops), keep_(keep) {}

  // Takes the next piece and appends to `out` what may be shown. Returns the stop string that the piece
  // completed; what follows it is dropped and nothing may be pushed any more. With `search` off none is
  // found, but one that begins in this piece may be completed by a later one.
  std::optional<std::string> push(std::string_view piece, bool search, std::string& out);

  // The text has ended without a stop string: appends what was held back.
  void flush(std::string& out);

 private:
  struct Match {
    std::size_t begin = 0;
    std::size_t end = std::string::npos;
    const std::string* stop = nullptr;
  };

  Match find(std::size_t known) const;
  std::size_t held_from() const;

  const std::vector<std::string>& stops_;
  bool keep_;
  std::string held_;
};

}  // namespace sluice::worker
