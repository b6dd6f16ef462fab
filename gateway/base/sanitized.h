#pragma once

namespace sluice {

// Built with a sanitizer that follows memory or threads: what hides either from it is left out.
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);

}  // namespace sluice
