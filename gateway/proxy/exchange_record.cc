#include "gateway/proxy/exchange_record.h"

namespace sluice {

std::string_view name(ExchangeState state) noexcept {
  switch (state) {
    case ExchangeState::kReadingBody:
      return "reading_body";
    case ExchangeState::kQueued:
      return "queued";
    case ExchangeState::kConnecting:
      return "connecting";
    case ExchangeState::kWaiting:
      return "waiting";
    case ExchangeState::kStreaming:
      return "streaming";
    case ExchangeState::kDone:
      return "done";
  }
  return "";
}

}  // namespace sluice
