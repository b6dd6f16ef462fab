#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/documents.h"
#include "config/load.h"

// Any bytes as a configuration: the reader returns, says why it refuses, and what it accepts survives being
// printed and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using sluice::config::load_text;
  const auto result = load_text({reinterpret_cast<const char*>(bytes), size}, "fuzz.yaml");
  for (const auto& diagnostic : result.diagnostics) {
    if (diagnostic.to_string().empty()) std::abort();
  }
  if (!result.ok()) {
    if (result.diagnostics.empty()) std::abort();
    return 0;
  }
  const auto again = load_text(sluice::config::print_effective(*result.config), "effective.yaml");
  if (!again.ok() || *again.config != *result.config) std::abort();
  return 0;
}
