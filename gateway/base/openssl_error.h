#pragma once

#include <string>

namespace sluice {

// What the library said last on this thread, as in "certificate verify failed". Empties its queue: whoever
// asks it next must not hear of this failure.
std::string take_openssl_error();

}  // namespace sluice
