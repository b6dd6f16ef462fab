#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/header_id.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice {

// A span of a head's own bytes, kept as an offset so that the head can be moved and copied.
struct ByteRange {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// The fields of a message in their order, over one block of bytes that it owns: a parsed head is one copy of
// the received bytes plus a table of offsets. A name may occur more than once. Names keep the case they came
// in. What is added lies in the block as a field line of HTTP/1 (RFC 9112 5), as what was received does, so
// that lines which follow each other there are written with one copy.
//
// The writer of a head trusts it: names and values that do not come from a parser must be free of CR, LF and
// NUL (add() asserts it in debug builds). Views are valid until the next add() or set().
class Headers {
 public:
  struct Field {
    std::string_view name;
    std::string_view value;
    HeaderId id;
  };

  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  Field operator[](std::size_t i) const noexcept { return field(entries_[i]); }

  // The first field of that name; an empty view if there is none (has() tells an empty value apart).
  std::string_view get(HeaderId id) const noexcept;
  std::string_view get(std::string_view name) const noexcept;
  bool has(HeaderId id) const noexcept { return may_have(id) && count(id) != 0; }
  std::size_t count(HeaderId id) const noexcept;

  void add(std::string_view name, std::string_view value);
  void add(HeaderId id, std::string_view value) { add(header_name(id), value, id); }
  // Replaces all fields of that name by one.
  void set(HeaderId id, std::string_view value);
  void set(std::string_view name, std::string_view value);
  void remove(HeaderId id) noexcept;
  void remove(std::string_view name) noexcept;

  template <class Predicate>
  void remove_if(Predicate&& predicate) {
    std::erase_if(entries_, [&](const Entry& e) { return predicate(field(e)); });
  }

  Headers copy(std::size_t more_fields, std::size_t more_bytes) const;

  // One of the fields in the mask may be there; false is certain.
  static consteval std::uint64_t mask(std::initializer_list<HeaderId> ids) {
    std::uint64_t all = 0;
    for (const HeaderId id : ids)
      all |= bit(id);
    return all;
  }
  bool may_have_any(std::uint64_t mask) const noexcept { return (ids_ & mask) != 0; }

  // Appends "name: value\r\n" for every field.
  void append_to(std::string& out) const;
  // The same into memory for line_bytes(); where it stopped.
  char* write_lines(char* at) const noexcept;
  std::size_t line_bytes() const noexcept { return bytes() + 4 * size(); }
  // The bytes of all names and values.
  std::size_t bytes() const noexcept;
  // What they lie in: removed ones still take room.
  std::size_t block_bytes() const noexcept { return block_.size(); }

  // For parsers: the block of bytes that ranges point into, and a field in it. Either may come first.
  void assign_block(std::string_view block, std::size_t room_for_more);
  std::string_view text(ByteRange range) const noexcept { return {block_.data() + range.offset, range.size}; }
  // Of a view of the block; an empty one for an empty view.
  ByteRange range_of(std::string_view text) const noexcept {
    if (text.empty()) return {};
    return {static_cast<std::uint32_t>(text.data() - block_.data()), static_cast<std::uint32_t>(text.size())};
  }
  ByteRange append_text(std::string_view text);
  void add_range(ByteRange name, ByteRange value, HeaderId id) {
    entries_.push_back({name, value, id});
    ids_ |= bit(id);
  }
  // Room for so many fields, and for so many bytes of names and values.
  void reserve(std::size_t fields, std::size_t bytes = 0) {
    entries_.reserve(fields);
    block_.reserve(bytes);
  }

 private:
  struct Entry {
    ByteRange name;
    ByteRange value;
    HeaderId id;
  };

  static constexpr std::uint64_t bit(HeaderId id) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(id);
  }
  bool may_have(HeaderId id) const noexcept { return (ids_ & bit(id)) != 0; }

  void add(std::string_view name, std::string_view value, HeaderId id);
  Field field(const Entry& e) const noexcept { return {text(e.name), text(e.value), e.id}; }
  bool is_line(const Entry& e) const noexcept;

  PooledString block_;
  std::vector<Entry, PooledAllocator<Entry>> entries_;
  // A bit for each HeaderId that was added; one that remove_if() took out may still be set. Most look-ups are
  // for what is not there, and end here.
  std::uint64_t ids_ = 0;
};

}  // namespace sluice
