#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "gateway/llm/sse.h"
#include "gateway/llm/usage_scanner.h"

namespace sluice::llm {

enum class FrameKind : std::uint8_t {
  kContent,    // part of the answer
  kUsageOnly,  // the extra frame that include_usage asks for: usage, and no choices
  kError,      // {"error": …}, or an event named "error"
  kDone,       // [DONE]
  kKeepAlive,  // no data: comments, or fields alone
};

// What one event of an answer's stream means.
struct Frame {
  FrameKind kind = FrameKind::kKeepAlive;
  // Final, or so far where continuous_usage_stats puts it on every frame.
  std::optional<Usage> usage;
  // kError: error.code where it is an integer (vLLM: the HTTP status), else 0.
  int error_code = 0;
};

// Looks at one event. JSON is scanned only if the data has a member "usage" or "error" anywhere; other events
// cost one search. An oversize event with data is content.
Frame inspect_frame(const SseEvent& event) noexcept;

// Follows the body of a streamed answer: what was said, how it ended, what it cost. Feed it the bytes as they
// come. Memory: the scanner's carry. Not thread safe.
class StreamUsage {
 public:
  explicit StreamUsage(std::size_t event_limit = SseScanner::kDefaultLimit) noexcept
      : scanner_(event_limit) {}

  void feed(std::string_view bytes) {
    scanner_.feed(bytes, [this](const SseEvent& event) { note(inspect_frame(event), event); });
  }

  // Also calls on_frame(const SseEvent&, const Frame&) for each event, under the rules of SseScanner::feed.
  template <class OnFrame>
  void feed(std::string_view bytes, OnFrame&& on_frame) {
    scanner_.feed(bytes, [&](const SseEvent& event) {
      const Frame frame = inspect_frame(event);
      note(frame, event);
      on_frame(event, frame);
    });
  }

  // Events that carried content. Not tokens: one frame may hold several, or none.
  std::uint64_t content_events() const noexcept { return content_events_; }
  bool content_seen() const noexcept { return content_events_ > 0; }
  bool done() const noexcept { return done_; }
  bool error_seen() const noexcept { return error_seen_; }
  // Of the first error; 0 if it had no integer code.
  int error_code() const noexcept { return error_code_; }
  // The last one given.
  const std::optional<Usage>& usage() const noexcept { return usage_; }
  std::uint64_t oversize_events() const noexcept { return oversize_events_; }
  std::size_t memory() const noexcept { return scanner_.memory(); }

 private:
  void note(const Frame& frame, const SseEvent& event) noexcept;

  SseScanner scanner_;
  std::uint64_t content_events_ = 0;
  std::uint64_t oversize_events_ = 0;
  std::optional<Usage> usage_;
  int error_code_ = 0;
  bool done_ = false;
  bool error_seen_ = false;
};

// Finds usage in a JSON answer that is not streamed, fed in pieces of any size; fixed memory. Answers are
// known once the whole body was fed: a body that is cut off or no JSON object has no usage.
class BodyUsage {
 public:
  void feed(std::string_view bytes) noexcept { scanner_.feed(bytes); }

  std::optional<Usage> usage() const noexcept {
    return scanner_.complete() ? scanner_.usage() : std::nullopt;
  }
  bool error_seen() const noexcept { return scanner_.complete() && scanner_.has_error(); }
  int error_code() const noexcept { return error_seen() ? scanner_.error_code() : 0; }

 private:
  UsageScanner scanner_;
};

static_assert(sizeof(BodyUsage) <= 256);

}  // namespace sluice::llm
