#include "backends/worker/api/hermes_tool_calls.h"

#include <utility>

#include "gateway/llm/text/jinja/value_json.h"

namespace sluice::worker {
namespace {

constexpr std::string_view kBeginTag = "<tool_call>";
constexpr std::string_view kEndTag = "</tool_call>";

// The text of a JSON string; empty for every other JSON text.
std::string text_of(const std::string& json) {
  const Result<jinja::Value> value = jinja::parse_json_value(json);
  return value && value->text() != nullptr ? *value->text() : std::string();
}

}  // namespace

void HermesToolCalls::push(std::string_view text, ToolDelta& delta) {
  for (const char c : text)
    take(c, delta);
}

void HermesToolCalls::take(char c, ToolDelta& delta) {
  switch (state_) {
    case State::kContent: {
      const std::size_t before = matched_;
      if (take_begin_tag(c)) return begin_call();
      // What looked like the beginning of a tag and is none.
      if (matched_ <= before) delta.content += kBeginTag.substr(0, before);
      if (matched_ == 0) delta.content += c;
      return;
    }
    case State::kObject:
      return take_object(c, delta);
    case State::kEndTag:
      return take_end_tag(c, delta);
    case State::kBetween:
      if (take_begin_tag(c)) begin_call();
      return;
    case State::kAllContent:
      delta.content += c;
      return;
    case State::kStopped:
      return;
  }
}

// True when `c` completes a tag. The first byte of a tag occurs nowhere else in it, so that a match that
// fails can only begin anew with `c` itself.
bool HermesToolCalls::take_begin_tag(char c) {
  matched_ = c == kBeginTag[matched_] ? matched_ + 1 : c == kBeginTag[0] ? 1 : 0;
  return matched_ == kBeginTag.size();
}

void HermesToolCalls::begin_call() {
  state_ = State::kObject;
  matched_ = 0;
  if (calls_ == 0) held_ = kBeginTag;
  scanner_ = JsonScanner();
  last_part_ = JsonPart::kBetween;
  has_name_ = has_arguments_ = sent_ = false;
  name_text_.clear();
  arguments_.clear();
  key_.clear();
}

void HermesToolCalls::take_object(char c, ToolDelta& delta) {
  if (calls_ == 0 && !sent_) held_ += c;
  const JsonPart part = scanner_.take(c);
  if (part == JsonPart::kMalformed || !take_member(c, part, delta)) return refuse(delta);
  last_part_ = part;
  if (part != JsonPart::kEnd) return;
  if (!sent_) return refuse(delta);
  state_ = State::kEndTag;
  ++calls_;
}

bool HermesToolCalls::take_member(char c, JsonPart part, ToolDelta& delta) {
  if (last_part_ == JsonPart::kValue && part != JsonPart::kValue && !end_value(delta)) return false;
  if (part == JsonPart::kKey) {
    if (last_part_ != JsonPart::kKey) key_.clear();
    key_ += c;
  } else if (part == JsonPart::kValue) {
    if (last_part_ != JsonPart::kValue && !begin_value()) return false;
    if (member_ == Member::kName) name_text_ += c;
    if (member_ == Member::kArguments) {
      if (!sent_ && has_name_) announce(delta);
      if (sent_) {
        send_arguments({&c, 1}, delta);
      } else {
        arguments_ += c;
      }
    }
  }
  return held_.size() + key_.size() + name_text_.size() + arguments_.size() <= kLongestHeld;
}

bool HermesToolCalls::begin_value() {
  const std::string key = text_of(key_);
  member_ = key == "name" ? Member::kName : key == "arguments" ? Member::kArguments : Member::kOther;
  // A second one would contradict what was sent of the first.
  if (member_ == Member::kName) return name_text_.empty();
  if (member_ == Member::kArguments) return !std::exchange(has_arguments_, true);
  return true;
}

bool HermesToolCalls::end_value(ToolDelta& delta) {
  if (member_ != Member::kName) return true;
  name_ = text_of(name_text_);
  if (name_.empty()) return false;
  has_name_ = true;
  if (!has_arguments_) return true;
  announce(delta);
  send_arguments(std::exchange(arguments_, {}), delta);
  return true;
}

void HermesToolCalls::announce(ToolDelta& delta) {
  delta.calls.push_back({calls_, name_, {}});
  sent_ = true;
  held_.clear();
}

void HermesToolCalls::send_arguments(std::string_view text, ToolDelta& delta) const {
  if (delta.calls.empty() || delta.calls.back().index != calls_ || delta.calls.back().name) {
    delta.calls.push_back({calls_, std::nullopt, {}});
  }
  delta.calls.back().arguments += text;
}

void HermesToolCalls::take_end_tag(char c, ToolDelta& delta) {
  if (matched_ == 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) return;
  if (c != kEndTag[matched_]) return refuse(delta);
  if (++matched_ < kEndTag.size()) return;
  matched_ = 0;
  state_ = State::kBetween;
}

void HermesToolCalls::refuse(ToolDelta& delta) {
  malformed_ = true;
  state_ = calls_ == 0 && !sent_ ? State::kAllContent : State::kStopped;
  delta.content += std::exchange(held_, {});
}

void HermesToolCalls::finish(ToolDelta& delta) {
  if (state_ == State::kContent) delta.content += kBeginTag.substr(0, matched_);
  if (state_ == State::kObject) refuse(delta);
}

ToolAnswer parse_hermes_tool_calls(std::string_view text) {
  HermesToolCalls parser;
  ToolDelta all;
  parser.push(text, all);
  parser.finish(all);
  if (parser.malformed()) return {std::string(text), {}};
  ToolAnswer answer{std::move(all.content), {}};
  for (ToolCallDelta& delta : all.calls) {
    if (delta.name) {
      answer.calls.push_back({std::move(*delta.name), {}});
    } else {
      answer.calls.back().arguments += delta.arguments;
    }
  }
  return answer;
}

}  // namespace sluice::worker
