#include "gateway/llm/splice.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace sluice::llm {

void Splices::add(Splice splice) {
  // First splice that must stand behind the new one: it begins later, or begins here and is no earlier
  // insertion.
  const auto behind = std::find_if(splices_.begin(), splices_.end(), [&](const Splice& other) {
    return other.offset > splice.offset || (other.offset == splice.offset && other.length > 0);
  });
  if (behind != splices_.end()) {
    if (splice.length > 0 && behind->offset == splice.offset && behind->length == splice.length) {
      behind->replacement = std::move(splice.replacement);
      return;
    }
    if (splice.end() > behind->offset) throw std::logic_error("body splices overlap");
  }
  if (behind != splices_.begin() && std::prev(behind)->end() > splice.offset) {
    throw std::logic_error("body splices overlap");
  }
  splices_.insert(behind, std::move(splice));
}

std::size_t Splices::total_length(std::string_view body) const {
  check_within(body);
  std::size_t length = body.size();
  for (const Splice& splice : splices_)
    length += splice.replacement.size() - splice.length;
  return length;
}

std::string Splices::apply(std::string_view body) const {
  std::string edited;
  edited.reserve(total_length(body));
  for_each_piece(body, [&](std::string_view piece) { edited += piece; });
  return edited;
}

void Splices::check_within(std::string_view body) const {
  if (!splices_.empty() && splices_.back().end() > body.size()) {
    throw std::logic_error("body splice outside the body");
  }
}

}  // namespace sluice::llm
