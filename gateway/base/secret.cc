#include "gateway/base/secret.h"

#include <string.h>

#include <utility>

namespace sluice {

Secret::Secret(Secret&& other) noexcept : bytes_(other.bytes_) {
  // A copy and a wipe: moving a short string would leave its bytes in the source's own buffer.
  wipe(other.bytes_);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this == &other) return *this;
  wipe(bytes_);
  bytes_ = other.bytes_;
  wipe(other.bytes_);
  return *this;
}

Secret::~Secret() {
  wipe(bytes_);
}

bool Secret::matches(std::string_view offered) const noexcept {
  if (bytes_.empty()) return false;
  // As many steps as the offered text has bytes, whatever the secret's length is.
  unsigned difference = bytes_.size() == offered.size() ? 0 : 1;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    difference |=
        static_cast<unsigned char>(offered[i]) ^ static_cast<unsigned char>(bytes_[i % bytes_.size()]);
  }
  return difference == 0;
}

void wipe(std::string& text) noexcept {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace sluice
