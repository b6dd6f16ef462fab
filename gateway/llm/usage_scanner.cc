#include "gateway/llm/usage_scanner.h"

#include <algorithm>
#include <array>
#include <bit>
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
  return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

const char* skip_space(const char* at, const char* end) noexcept {
  while (at != end && is_space(*at))
    ++at;
  return at;
}

// Comparison with a length known to the compiler: no call to memcmp.
template <std::size_t N>
bool is(std::string_view text, const char (&literal)[N]) noexcept {
  return text.size() == N - 1 && std::memcmp(text.data(), literal, N - 1) == 0;
}

bool ends_scalar(char c) noexcept {
  return c == ',' || c == '}' || c == ']' || is_space(c);
}

// So many digits are no more than kMaxCount.
constexpr std::ptrdiff_t kPlainDigits = 15;

}  // namespace

void UsageScanner::feed(std::string_view bytes) noexcept {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end && state_ != State::kInvalid) {
    switch (mode_) {
      case Mode::kStructure:
        at = structure(at, end);
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

// The objects that are read, up to what another mode follows. Nearly always a whole member comes at once: one
// step leads to the next without a look at what it was.
const char* UsageScanner::structure(const char* at, const char* end) noexcept {
  while ((at = skip_space(at, end)) != end) {
    if (state_ == State::kName || state_ == State::kObjectStart) {
      if (*at == '"') {
        const char* const stop = find_either(at + 1, end, '"', '\\');
        if (stop != end && *stop == '"') {
          end_name({at + 1, stop});
          at = stop + 1;
        } else {
          begin_string(true);
          at = string(at + 1, end);
        }
        if (mode_ != Mode::kStructure) return at;
        at = skip_space(at, end);
        if (at == end) return at;
      } else if (*at == '}' && state_ == State::kObjectStart) {
        close();
        ++at;
        continue;
      }
    }
    if (state_ == State::kColon) {
      if (*at != ':') return invalid(at);
      state_ = State::kValue;
      at = skip_space(at + 1, end);
      if (at == end) return at;
    }
    if (state_ == State::kValue) {
      at = value(at, end);
      if (mode_ != Mode::kStructure || at == end) return at;
      if (state_ != State::kNext || is_space(*at)) continue;
    }
    switch (state_) {
      case State::kNext:
        if (*at == ',') {
          state_ = State::kName;
        } else if (*at == '}') {
          close();
        } else {
          return invalid(at);
        }
        ++at;
        break;
      case State::kRoot:
        if (*at != '{') return invalid(at);
        open(Object::kRoot);
        ++at;
        break;
      case State::kFirstChoice:
        choices_empty_ = *at == ']';
        begin_skip();
        return skip(at, end);
      default:
        return invalid(at);
    }
  }
  return at;
}

const char* UsageScanner::invalid(const char* at) noexcept {
  state_ = State::kInvalid;
  return at;
}

void UsageScanner::begin_string(bool is_name) noexcept {
  mode_ = Mode::kString;
  string_is_name_ = is_name;
  token_size_ = 0;
  token_whole_ = true;
}

// From a value's first byte; to its end if it is a string or a number in this piece.
const char* UsageScanner::value(const char* at, const char* end) noexcept {
  const bool in_root = object_ == Object::kRoot;
  if (in_root && name_ == Name::kUsage) usage_.reset();  // a repeated member: the last one counts
  if (in_root && name_ == Name::kError) has_error_ = true;
  const bool counted = name_ == Name::kPromptTokens || name_ == Name::kCompletionTokens ||
                       name_ == Name::kTotalTokens || name_ == Name::kCachedTokens;
  const char first = *at;
  // Where a count stands, text, lists and objects are none.
  if (counted && (first == '{' || first == '[' || first == '"')) counts_valid_ = false;
  switch (first) {
    case '{':
      if (name_ == Name::kUsage) {
        open(Object::kUsage);
      } else if (name_ == Name::kError) {
        open(Object::kError);
      } else if (name_ == Name::kPromptDetails) {
        open(Object::kDetails);
      } else {
        begin_skip();
        return skip(at + 1, end);
      }
      return at + 1;
    case '[':
      if (name_ == Name::kChoices) {
        state_ = State::kFirstChoice;
        return at + 1;
      }
      begin_skip();
      return skip(at + 1, end);
    case '"':
      begin_string(false);
      return string(at + 1, end);
    default:
      // Its first byte is part of it.
      mode_ = Mode::kScalar;
      token_size_ = 0;
      token_whole_ = true;
      return scalar(at, end);
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

// Looks at 16 bytes at a time, and only at the marks among them.
const char* UsageScanner::skip(const char* begin, const char* end) noexcept {
  constexpr std::size_t kBlock = 16;
  const auto size = static_cast<std::size_t>(end - begin);
  bool in_string = false;
  std::size_t at = 0;
  std::size_t escaped_to = 0;  // what lies in front of it was escaped
  while (at < size) {
    const std::size_t looked_at = std::min(size - at, kBlock);
    char last[kBlock] = {};
    if (looked_at != kBlock) std::memcpy(last, begin + at, looked_at);
    for (std::uint32_t marks = json_marks(looked_at == kBlock ? begin + at : last); marks != 0;
         marks &= marks - 1) {
      const std::size_t mark = at + static_cast<std::size_t>(std::countr_zero(marks));
      if (mark < escaped_to) continue;
      const char c = begin[mark];
      if (c == '"') {
        in_string = !in_string;
      } else if (in_string) {
        if (c == '\\') escaped_to = mark + 2;
      } else if (c == '{' || c == '[') {
        ++skip_depth_;
      } else if ((c == '}' || c == ']') && --skip_depth_ == 0) {
        mode_ = Mode::kStructure;
        state_ = State::kNext;
        return begin + mark + 1;
      }
    }
    at += looked_at;
    if (!in_string) continue;
    // A text that goes on is nearly always long.
    at = std::max(at, escaped_to);
    if (at < size) at = static_cast<std::size_t>(find_either(begin + at, end, '"', '\\') - begin);
  }
  if (in_string) {
    begin_string(false);
    if (at > size) mode_ = Mode::kEscape;
  }
  return end;
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
  if (token_size_ == 0 && token_whole_) {
    if (const char* const stop = plain_number(at, end)) return stop;
  }
  const char* const stop = std::find_if(at, end, ends_scalar);
  if (stop != end && token_size_ == 0 && stop - at <= static_cast<std::ptrdiff_t>(token_.size())) {
    end_scalar({at, stop});
    return stop;
  }
  keep(at, stop);
  if (stop != end) end_scalar(token());
  return stop;
}

// What most scalars are: a few digits that end in this piece. Null if it is something else.
const char* UsageScanner::plain_number(const char* at, const char* end) noexcept {
  const char* const begin = at;
  std::int64_t number = 0;
  for (; at != end && *at >= '0' && *at <= '9'; ++at) {
    if (at - begin == kPlainDigits) return nullptr;
    number = number * 10 + (*at - '0');
  }
  if (at == begin || at == end || !ends_scalar(*at) || (*begin == '0' && at - begin > 1)) return nullptr;
  mode_ = Mode::kStructure;
  state_ = State::kNext;
  if (object_ != Object::kRoot && name_ != Name::kOther) count(number);
  return at;
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
  count(usable ? std::optional(parsed) : std::nullopt);
}

void UsageScanner::count(std::optional<std::int64_t> number) noexcept {
  if (name_ == Name::kCode) {
    const std::int64_t code = number.value_or(0);
    error_code_ = code <= std::numeric_limits<int>::max() ? static_cast<int>(code) : 0;
    return;
  }
  if (!number) {
    counts_valid_ = false;
    return;
  }
  const std::int64_t parsed = *number;
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
