#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "backends/worker/api/api_request.h"

namespace {

template <class Request>
void check(const sluice::worker::Parsed<Request>& request) {
  if (!request && request.error().message.empty()) std::abort();
}

}  // namespace

// Any bytes as the body of each kind of request: read, or refused with a message.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  check(sluice::worker::parse_completion_request(body));
  check(sluice::worker::parse_chat_request(body));
  check(sluice::worker::parse_tokenize_request(body));
  check(sluice::worker::parse_detokenize_request(body));
  return 0;
}
