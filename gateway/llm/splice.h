#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::llm {

// One edit: the `length` bytes at `offset` give way to `replacement`. Length 0 inserts before `offset`.
struct Splice {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::string replacement;

  std::size_t end() const noexcept { return offset + length; }
};

// The edits of one call on a request's body, which itself never changes: every retry, hedge and fallback
// copies and alters its own. Kept in order and free of overlaps; empty, a copy allocates nothing. Lengths in
// bytes.
class Splices {
 public:
  // A splice of a range that is already replaced takes its place (a fallback sets its own model). Insertions
  // at one offset keep the order in which they came, and stand before a replacement that begins there.
  // Overlapping any other way is a broken invariant: std::logic_error.
  void add(Splice splice);

  bool empty() const noexcept { return splices_.empty(); }
  std::span<const Splice> all() const noexcept { return splices_; }

  // The length of the body with the edits. Like the functions below it throws std::logic_error when an edit
  // lies outside the body.
  std::size_t total_length(std::string_view body) const;

  // Calls fn(std::string_view) for each non-empty piece of the edited body, in order. The pieces are views of
  // `body` and of these splices.
  template <class Fn>
  void for_each_piece(std::string_view body, Fn&& fn) const {
    check_within(body);
    std::size_t at = 0;
    for (const Splice& splice : splices_) {
      if (splice.offset > at) fn(body.substr(at, splice.offset - at));
      if (!splice.replacement.empty()) fn(std::string_view(splice.replacement));
      at = splice.end();
    }
    if (at < body.size()) fn(body.substr(at));
  }

  // The edited body in one piece.
  std::string apply(std::string_view body) const;

 private:
  void check_within(std::string_view body) const;

  std::vector<Splice> splices_;
};

}  // namespace sluice::llm
