#pragma once

namespace sluice {

// Empties a string and frees its memory. Assigning an empty one does not: libstdc++ keeps the capacity, for
// `{}` and for std::string() alike.
template <class String>
void free_memory(String& text) noexcept {
  String().swap(text);
}

}  // namespace sluice
