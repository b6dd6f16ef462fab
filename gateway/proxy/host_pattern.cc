#include "gateway/proxy/host_pattern.h"

namespace sluice {

std::string_view host_of_authority(std::string_view authority) noexcept {
  // An IPv6 address has colons of its own, within brackets.
  const std::size_t colon = authority.rfind(':');
  const std::size_t bracket = authority.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket))
    authority = authority.substr(0, colon);
  if (authority.ends_with('.')) authority.remove_suffix(1);
  return authority;
}

}  // namespace sluice
