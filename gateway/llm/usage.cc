#include "gateway/llm/usage.h"

#include <cstring>

#include "gateway/base/byte_scan.h"

namespace sluice::llm {
namespace {

constexpr std::string_view kUsageName = "\"usage\"";
constexpr std::string_view kErrorName = "\"error\"";
static_assert(kUsageName.size() == kErrorName.size());

const char* skip_space(const char* at, const char* end) noexcept {
  while (at != end && (*at == ' ' || *at == '\t' || *at == '\n'))
    ++at;
  return at;
}

// Is there a member "usage" or "error" at any depth whose value is not null? Inside a JSON string a quote is
// always escaped, so that `"usage":` cannot be text of the answer; OpenAI's `"usage":null` on every frame
// costs no scan.
bool may_tell(std::string_view data) noexcept {
  const char* at = data.data();
  const char* const end = at + data.size();
  while ((at = find_name_quote(at, end)) != end) {
    const auto rest = static_cast<std::size_t>(end - at);
    if (rest < kUsageName.size()) return false;
    if (std::memcmp(at, kUsageName.data(), kUsageName.size()) != 0 &&
        std::memcmp(at, kErrorName.data(), kErrorName.size()) != 0) {
      ++at;
      continue;
    }
    at = skip_space(at + kUsageName.size(), end);
    if (at == end) return false;
    if (*at != ':') continue;
    at = skip_space(at + 1, end);
    if (!std::string_view(at, end).starts_with("null")) return true;
  }
  return false;
}

}  // namespace

Frame inspect_frame(const SseEvent& event) noexcept {
  Frame frame;
  if (!event.has_data) return frame;
  if (event.oversize) {
    frame.kind = FrameKind::kContent;
    return frame;
  }
  if (event.data.empty()) return frame;
  if (event.data == "[DONE]") {
    frame.kind = FrameKind::kDone;
    return frame;
  }
  frame.kind = event.event == "error" ? FrameKind::kError : FrameKind::kContent;
  if (!may_tell(event.data)) return frame;
  UsageScanner scanner;
  scanner.feed(event.data);
  if (!scanner.complete()) return frame;
  frame.usage = scanner.usage();
  if (scanner.has_error()) {
    frame.kind = FrameKind::kError;
    frame.error_code = scanner.error_code();
  } else if (frame.usage && scanner.choices_empty()) {
    frame.kind = FrameKind::kUsageOnly;
  }
  return frame;
}

void StreamUsage::note(const Frame& frame, const SseEvent& event) noexcept {
  if (event.oversize) ++oversize_events_;
  if (frame.usage) usage_ = frame.usage;
  switch (frame.kind) {
    case FrameKind::kContent:
      ++content_events_;
      break;
    case FrameKind::kError:
      if (!error_seen_) error_code_ = frame.error_code;
      error_seen_ = true;
      break;
    case FrameKind::kDone:
      done_ = true;
      break;
    case FrameKind::kUsageOnly:
    case FrameKind::kKeepAlive:
      break;
  }
}

}  // namespace sluice::llm
