#include "gateway/llm/usage_scanner.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "gateway/base/byte_scan.h"
#include "gateway/llm/json_structure.h"

namespace sluice::llm {
namespace {

// The largest integer that every JSON library keeps exactly (RFC 8259 section 6).
constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Comparison with a length known to the compiler: no call to memcmp.
template <std::size_t N>
bool is(std::string_view text, const char (&literal)[N]) noexcept {
  return text.size() == N - 1 && std::memcmp(text.data(), literal, N - 1) == 0;
}

bool ends_scalar(char c) noexcept {
  return is_space(c) || c == ',' || c == '}' || c == ']';
}

}  // namespace

void UsageScanner::feed(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end && state_ != State::kInvalid) {
    switch (mode_) {
      case Mode::kStructure:
        do {
          at = structure(at);
        } while (at != end && mode_ == Mode::kStructure && state_ != State::kInvalid);
        break;
      case Mode::kString:
        at = string(at, end);
        break;
      case Mode::kEscape:
        ++at;
        mode_ = Mode::kString;
        break;
      case Mode::kScalar:
        at = scalar(at, end);
        break;
      case Mode::kSkip:
        at = skip(at, end);
        break;
    }
  }
}

// One byte of the objects that are read.
const char* UsageScanner::structure(const char* at) noexcept {
  const char c = *at;
  if (is_space(c)) return at + 1;
  switch (state_) {
    case State::kRoot:
      if (c != '{') break;
      open(Object::kRoot);
      return at + 1;
    case State::kObjectStart:
    case State::kName:
      if (c == '}' && state_ == State::kObjectStart) {
        close();
        return at + 1;
      }
      if (c != '"') break;
      mode_ = Mode::kString;
      string_is_name_ = true;
      token_size_ = 0;
      token_whole_ = true;
      return at + 1;
    case State::kColon:
      if (c != ':') break;
      state_ = State::kValue;
      return at + 1;
    case State::kValue:
      value(c);
      // A scalar's first byte is part of it.
      return mode_ == Mode::kScalar ? at : at + 1;
    case State::kFirstChoice:
      choices_empty_ = c == ']';
      begin_skip();
      return at;
    case State::kNext:
      if (c == ',') {
        state_ = State::kName;
        return at + 1;
      }
      if (c != '}') break;
      close();
      return at + 1;
    case State::kDone:
    case State::kInvalid:
      break;
  }
  state_ = State::kInvalid;
  return at;
}

void UsageScanner::value(char first) noexcept {
  const bool in_root = object_ == Object::kRoot;
  if (in_root && name_ == Name::kUsage) usage_.reset();  // a repeated member: the last one counts
  if (in_root && name_ == Name::kError) has_error_ = true;
  const bool counted = name_ == Name::kPromptTokens || name_ == Name::kCompletionTokens ||
                       name_ == Name::kTotalTokens || name_ == Name::kCachedTokens;
  // Where a count stands, text, lists and objects are none.
  if (counted && (first == '{' || first == '[' || first == '"')) counts_valid_ = false;
  switch (first) {
    case '{':
      if (name_ == Name::kUsage) return open(Object::kUsage);
      if (name_ == Name::kError) return open(Object::kError);
      if (name_ == Name::kPromptDetails) return open(Object::kDetails);
      return begin_skip();
    case '[':
      if (name_ == Name::kChoices) {
        state_ = State::kFirstChoice;
        return;
      }
      return begin_skip();
    case '"':
      mode_ = Mode::kString;
      string_is_name_ = false;
      token_size_ = 0;
      token_whole_ = true;
      return;
    default:
      mode_ = Mode::kScalar;
      token_size_ = 0;
      token_whole_ = true;
  }
}

void UsageScanner::open(Object object) noexcept {
  object_ = object;
  state_ = State::kObjectStart;
  if (object == Object::kUsage) {
    counts_ = {-1, -1, -1, -1};
    counts_valid_ = true;
  }
}

void UsageScanner::close() noexcept {
  state_ = State::kNext;
  switch (object_) {
    case Object::kRoot:
      state_ = State::kDone;
      return;
    case Object::kDetails:
      object_ = Object::kUsage;
      return;
    case Object::kError:
      object_ = Object::kRoot;
      return;
    case Object::kUsage:
      object_ = Object::kRoot;
      break;
  }
  const bool any = counts_.prompt_tokens >= 0 || counts_.completion_tokens >= 0 || counts_.total_tokens >= 0;
  if (!any || !counts_valid_) return;
  Usage usage{std::max<std::int64_t>(counts_.prompt_tokens, 0),
              std::max<std::int64_t>(counts_.completion_tokens, 0), counts_.total_tokens,
              std::max<std::int64_t>(counts_.cached_tokens, 0)};
  if (usage.total_tokens < 0) usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  usage_ = usage;
}

// A container that nobody reads: brackets are counted until it is closed.
void UsageScanner::begin_skip() noexcept {
  skip_depth_ = 1;
  mode_ = Mode::kSkip;
}

const char* UsageScanner::skip(const char* at, const char* end) noexcept {
  while (at != end) {
    at = find_bracket_or_quote(at, end);
    if (at == end) return at;
    const char c = *at++;
    if (c == '"') {
      // Nearly always the string ends here; else feed() follows it, into the next piece if need be.
      at = find_either(at, end, '"', '\\');
      if (at == end || *at == '\\') {
        mode_ = Mode::kString;
        string_is_name_ = false;
        return at;
      }
      ++at;
    } else if (c == '{' || c == '[') {
      ++skip_depth_;
    } else if (--skip_depth_ == 0) {
      mode_ = Mode::kStructure;
      state_ = State::kNext;
      return at;
    }
  }
  return at;
}

const char* UsageScanner::string(const char* at, const char* end) noexcept {
  const char* const stop = find_either(at, end, '"', '\\');
  const bool ends = stop != end && *stop == '"';
  if (string_is_name_ && ends && token_size_ == 0 && token_whole_) {
    end_name({at, stop});
    return stop + 1;
  }
  if (string_is_name_) keep(at, stop);
  if (stop == end) return stop;
  if (!ends) {
    token_whole_ = false;
    mode_ = Mode::kEscape;
  } else if (string_is_name_) {
    end_name(token_whole_ ? token() : std::string_view());
  } else {
    mode_ = skip_depth_ > 0 ? Mode::kSkip : Mode::kStructure;
    state_ = State::kNext;
  }
  return stop + 1;
}

void UsageScanner::end_name(std::string_view name) noexcept {
  mode_ = Mode::kStructure;
  name_ = name_of(name);
  state_ = State::kColon;
}

const char* UsageScanner::scalar(const char* at, const char* end) noexcept {
  const char* const stop = std::find_if(at, end, ends_scalar);
  if (stop != end && token_size_ == 0 && stop - at <= static_cast<std::ptrdiff_t>(token_.size())) {
    end_scalar({at, stop});
    return stop;
  }
  keep(at, stop);
  if (stop != end) end_scalar(token());
  return stop;
}

void UsageScanner::end_scalar(std::string_view text) noexcept {
  mode_ = Mode::kStructure;
  state_ = State::kNext;
  if (!token_whole_) {
    // Longer than any literal or count: a float with many digits, of no interest, unless it stands for a
    // count.
    if (name_ != Name::kOther) counts_valid_ = false;
    return;
  }
  const bool literal = is(text, "null") || is(text, "false") || is(text, "true");
  if (!literal && !is_json_number(text)) {
    state_ = State::kInvalid;
    return;
  }
  if (object_ == Object::kRoot) {
    if (name_ == Name::kError && (text == "null" || text == "false")) has_error_ = false;
    return;
  }
  if (name_ != Name::kOther && text != "null") count(text);
}

void UsageScanner::count(std::string_view number) noexcept {
  std::int64_t parsed = 0;
  const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), parsed);
  const bool usable =
      error == std::errc{} && stop == number.data() + number.size() && parsed >= 0 && parsed <= kMaxCount;
  if (name_ == Name::kCode) {
    error_code_ = usable && parsed <= std::numeric_limits<int>::max() ? static_cast<int>(parsed) : 0;
    return;
  }
  if (!usable) {
    counts_valid_ = false;
    return;
  }
  switch (name_) {
    case Name::kPromptTokens:
      counts_.prompt_tokens = parsed;
      break;
    case Name::kCompletionTokens:
      counts_.completion_tokens = parsed;
      break;
    case Name::kTotalTokens:
      counts_.total_tokens = parsed;
      break;
    case Name::kCachedTokens:
      counts_.cached_tokens = parsed;
      break;
    default:
      break;
  }
}

void UsageScanner::keep(const char* at, const char* end) noexcept {
  const std::size_t room = token_.size() - token_size_;
  const std::size_t size = static_cast<std::size_t>(end - at);
  if (size > room) token_whole_ = false;
  const std::size_t kept = std::min(size, room);
  std::memcpy(token_.data() + token_size_, at, kept);
  token_size_ = static_cast<std::uint8_t>(token_size_ + kept);
}

UsageScanner::Name UsageScanner::name_of(std::string_view text) const noexcept {
  switch (object_) {
    case Object::kRoot:
      if (is(text, "usage")) return Name::kUsage;
      if (is(text, "error")) return Name::kError;
      if (is(text, "choices")) return Name::kChoices;
      break;
    case Object::kUsage:
      if (is(text, "prompt_tokens")) return Name::kPromptTokens;
      if (is(text, "completion_tokens")) return Name::kCompletionTokens;
      if (is(text, "total_tokens")) return Name::kTotalTokens;
      if (is(text, "prompt_tokens_details")) return Name::kPromptDetails;
      break;
    case Object::kDetails:
      if (is(text, "cached_tokens")) return Name::kCachedTokens;
      break;
    case Object::kError:
      if (is(text, "code")) return Name::kCode;
      break;
  }
  return Name::kOther;
}

}  // namespace sluice::llm
