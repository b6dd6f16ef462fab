#include "gateway/http/headers.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sluice {
namespace {

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";

ByteRange range(std::size_t offset, std::size_t size) noexcept {
  return {static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size)};
}

[[maybe_unused]] bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

std::string_view Headers::get(HeaderId id) const noexcept {
  if (!may_have(id)) return {};
  for (const Entry& e : entries_) {
    if (e.id == id) return text(e.value);
  }
  return {};
}

std::string_view Headers::get(std::string_view name) const noexcept {
  for (const Entry& e : entries_) {
    if (equals_ignoring_case(text(e.name), name)) return text(e.value);
  }
  return {};
}

std::size_t Headers::count(HeaderId id) const noexcept {
  if (!may_have(id)) return 0;
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [id](const Entry& e) { return e.id == id; }));
}

ByteRange Headers::append_text(std::string_view text) {
  const std::size_t begin = block_.size();
  block_.append(text);
  return range(begin, text.size());
}

void Headers::add(std::string_view name, std::string_view value) {
  add(name, value, header_id(name));
}

void Headers::add(std::string_view name, std::string_view value, HeaderId id) {
  assert(is_one_line(name) && is_one_line(value));
  const std::size_t begin = block_.size();
  const std::size_t size = name.size() + kColon.size() + value.size() + kLineEnd.size();
  if (block_.capacity() - begin < size) block_.reserve(std::max(begin + size, 2 * begin));
  block_.resize_and_overwrite(begin + size, [&](char* block, std::size_t total) {
    char* at = block + begin;
    at += name.copy(at, name.size());
    std::memcpy(at, kColon.data(), kColon.size());
    at += kColon.size();
    at += value.copy(at, value.size());
    std::memcpy(at, kLineEnd.data(), kLineEnd.size());
    return total;
  });
  add_range(range(begin, name.size()), range(begin + name.size() + kColon.size(), value.size()), id);
}

Headers Headers::copy(std::size_t more_fields, std::size_t more_bytes) const {
  Headers out;
  out.reserve(entries_.size() + more_fields, block_.size() + more_bytes);
  out.block_ = block_;
  out.entries_ = entries_;
  out.ids_ = ids_;
  return out;
}

void Headers::assign_block(std::string_view block, std::size_t room_for_more) {
  block_.reserve(block.size() + room_for_more);
  block_.assign(block);
}

void Headers::set(HeaderId id, std::string_view value) {
  remove(id);
  add(id, value);
}

void Headers::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Headers::remove(HeaderId id) noexcept {
  if (!may_have(id)) return;
  if (id != HeaderId::kOther) ids_ &= ~bit(id);
  std::erase_if(entries_, [id](const Entry& e) { return e.id == id; });
}

void Headers::remove(std::string_view name) noexcept {
  std::erase_if(entries_, [&](const Entry& e) { return equals_ignoring_case(text(e.name), name); });
}

// The bytes around the field in the block make it a line as append_to() writes it.
bool Headers::is_line(const Entry& e) const noexcept {
  const std::size_t colon = e.name.offset + e.name.size;
  const std::size_t end = e.value.offset + e.value.size;
  return e.value.offset == colon + kColon.size() && end + kLineEnd.size() <= block_.size() &&
         std::memcmp(block_.data() + colon, kColon.data(), kColon.size()) == 0 &&
         std::memcmp(block_.data() + end, kLineEnd.data(), kLineEnd.size()) == 0;
}

char* Headers::write_lines(char* at) const noexcept {
  const auto put = [&](std::string_view piece) { at += piece.copy(at, piece.size()); };
  for (auto e = entries_.begin(); e != entries_.end();) {
    if (!is_line(*e)) {
      put(text(e->name));
      put(kColon);
      put(text(e->value));
      put(kLineEnd);
      ++e;
      continue;
    }
    const std::size_t begin = e->name.offset;
    std::size_t end = 0;
    do {
      end = e->value.offset + e->value.size + kLineEnd.size();
      ++e;
    } while (e != entries_.end() && e->name.offset == end && is_line(*e));
    put({block_.data() + begin, end - begin});
  }
  return at;
}

void Headers::append_to(std::string& out) const {
  const std::size_t begin = out.size();
  out.resize_and_overwrite(begin + line_bytes(), [&](char* text, std::size_t) {
    return static_cast<std::size_t>(write_lines(text + begin) - text);
  });
}

std::size_t Headers::bytes() const noexcept {
  std::size_t total = 0;
  for (const Entry& e : entries_)
    total += e.name.size + e.value.size;
  return total;
}

}  // namespace sluice
