#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/json_scanner.h"

namespace sluice::worker {

// One call of a function that an answer asks for.
struct ToolCall {
  std::string name;
  std::string arguments;  // JSON, in the model's own spelling

  bool operator==(const ToolCall&) const = default;
};

// An answer taken apart. As a part of a stream: what a piece of text adds to it.
struct ToolAnswer {
  std::string content;
  std::vector<ToolCall> calls;
};

// What a piece of text adds to one call.
struct ToolCallDelta {
  std::size_t index = 0;            // of the call in the answer, from 0
  std::optional<std::string> name;  // in a call's first delta only, whose arguments are empty
  std::string arguments;            // the next part of their JSON text
};

struct ToolDelta {
  std::string content;
  std::vector<ToolCallDelta> calls;

  bool empty() const noexcept { return content.empty() && calls.empty(); }
};

// Finds the tool calls in an answer that writes them as Hermes and Qwen models do:
//
//   text before <tool_call>
//   {"name": "f", "arguments": {"x": 1}}
//   </tool_call>
//
// The text before the first tag is content, to the byte; what stands between calls and behind the last one is
// dropped. Inside a tag stands one JSON object with a name, a string that is not empty, and with arguments,
// any JSON value, in either order; other members are ignored. A tag that is still open at the end of the
// answer counts if its object is complete. All this is vLLM's hermes parser, except that arguments keep the
// model's own white space also in a whole answer, and that a tag inside a JSON string belongs to the string.
//
// An answer that breaks the format is all content and has no calls, as with vLLM. A stream cannot take back
// what it has sent: if the first call is broken before its first delta, everything is content as in a whole
// answer; after that a defect ends the stream's deltas and `malformed` tells of it.
//
// For streams; one object per choice, not shared between threads. Holds back at most a part of a tag and,
// until a call's name is known and its arguments begin, kLongestHeld bytes of that call, beyond which it
// counts as broken.
class HermesToolCalls {
 public:
  static constexpr std::size_t kLongestHeld = std::size_t{256} << 10;

  // Appends to `delta` what the next piece of the answer's text adds. Pieces may end anywhere.
  void push(std::string_view text, ToolDelta& delta);

  // The answer has ended: appends what was held back. Nothing may be pushed afterwards.
  void finish(ToolDelta& delta);

  // Whether the answer broke the format, or ended inside a call's object. Final once finish() was called.
  bool malformed() const noexcept { return malformed_; }

 private:
  enum class State {
    kContent,     // before the first tag
    kObject,      // inside a tag
    kEndTag,      // behind the object
    kBetween,     // behind an end tag
    kAllContent,  // the first call was broken
    kStopped      // a later one was, or one that was begun
  };
  enum class Member { kOther, kName, kArguments };

  void take(char c, ToolDelta& delta);
  bool take_begin_tag(char c);
  void take_end_tag(char c, ToolDelta& delta);
  void begin_call();
  void take_object(char c, ToolDelta& delta);
  bool take_member(char c, JsonPart part, ToolDelta& delta);
  bool begin_value();
  bool end_value(ToolDelta& delta);
  void announce(ToolDelta& delta);
  void send_arguments(std::string_view text, ToolDelta& delta) const;
  void refuse(ToolDelta& delta);

  State state_ = State::kContent;
  bool malformed_ = false;
  std::size_t matched_ = 0;  // bytes of a tag that the last bytes are
  std::size_t calls_ = 0;    // that a delta was sent of
  std::string held_;         // the first call's tag and object, while nothing was sent of it

  // Of the call under way.
  JsonScanner scanner_;
  JsonPart last_part_ = JsonPart::kBetween;
  Member member_ = Member::kOther;
  std::string key_;        // as JSON text
  std::string name_text_;  // as JSON text
  std::string name_;
  std::string arguments_;  // while the name is not known
  bool has_name_ = false;
  bool has_arguments_ = false;
  bool sent_ = false;
};

// A whole answer.
ToolAnswer parse_hermes_tool_calls(std::string_view text);

}  // namespace sluice::worker
