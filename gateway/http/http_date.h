#pragma once

#include <array>
#include <string_view>

#include "gateway/runtime/time_source.h"

namespace sluice {

// IMF-fixdate of RFC 9110 5.6.7, for example "Sun, 06 Nov 1994 08:49:37 GMT". Years 1970 to 9999.
class HttpDate {
 public:
  explicit HttpDate(WallTime time) noexcept;
  std::string_view view() const noexcept { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 29> text_;
};

}  // namespace sluice
