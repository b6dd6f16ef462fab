#include "gateway/http/headers.h"

#include <algorithm>
#include <cassert>

namespace sluice {
namespace {

[[maybe_unused]] bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

}  // namespace

std::string_view Headers::get(HeaderId id) const noexcept {
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

bool Headers::has(HeaderId id) const noexcept {
  return count(id) != 0;
}

std::size_t Headers::count(HeaderId id) const noexcept {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [id](const Entry& e) { return e.id == id; }));
}

ByteRange Headers::append_text(std::string_view text) {
  const ByteRange range{static_cast<std::uint32_t>(block_.size()), static_cast<std::uint32_t>(text.size())};
  block_.append(text);
  return range;
}

void Headers::add(std::string_view name, std::string_view value) {
  add(name, value, header_id(name));
}

void Headers::add(std::string_view name, std::string_view value, HeaderId id) {
  assert(is_one_line(name) && is_one_line(value));
  const ByteRange n = append_text(name);
  const ByteRange v = append_text(value);
  entries_.push_back({n, v, id});
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
  std::erase_if(entries_, [id](const Entry& e) { return e.id == id; });
}

void Headers::remove(std::string_view name) noexcept {
  std::erase_if(entries_, [&](const Entry& e) { return equals_ignoring_case(text(e.name), name); });
}

void Headers::append_to(std::string& out) const {
  for (const Entry& e : entries_) {
    out.append(text(e.name)).append(": ").append(text(e.value)).append("\r\n");
  }
}

std::size_t Headers::bytes() const noexcept {
  std::size_t total = 0;
  for (const Entry& e : entries_)
    total += e.name.size + e.value.size;
  return total;
}

}  // namespace sluice
