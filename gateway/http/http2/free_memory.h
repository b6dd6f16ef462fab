#pragma once

#include <string>

namespace sluice::http2 {

// Empties a string and frees its memory. Assigning an empty one does not: libstdc++ keeps the capacity, for
// `{}` and for std::string() alike.
inline void free_memory(std::string& text) noexcept {
  std::string().swap(text);
}

}  // namespace sluice::http2
