#include "gateway/llm/json_structure.h"

#include <array>
#include <charconv>
#include <cstring>

namespace sluice::llm {
namespace {

enum Symbol : std::uint8_t {
  kOpenObject,
  kCloseObject,
  kOpenArray,
  kCloseArray,
  kColon,
  kComma,
  kStringStart,
  kScalarStart,
  kNone,
};
constexpr int kSymbols = kNone + 1;

constexpr std::array<Symbol, 256> kSymbolOf = [] {
  std::array<Symbol, 256> symbols{};
  symbols.fill(kNone);
  symbols['{'] = kOpenObject;
  symbols['}'] = kCloseObject;
  symbols['['] = kOpenArray;
  symbols[']'] = kCloseArray;
  symbols[':'] = kColon;
  symbols[','] = kComma;
  symbols['"'] = kStringStart;
  for (unsigned char c : std::string_view("-0123456789tfn"))
    symbols[c] = kScalarStart;
  return symbols;
}();

// What may come next inside a container.
enum State : std::uint8_t {
  kArrayStart,  // a value or ']'
  kArrayValue,
  kArrayNext,    // ',' or ']'
  kObjectStart,  // a name or '}'
  kObjectName,
  kObjectColon,
  kObjectValue,
  kObjectNext,  // ',' or '}'
  kBad,
  // Moves that touch the stack.
  kPushObject,
  kPushArray,
  kPop,
};

constexpr std::array<std::array<State, kSymbols>, kBad> kMoves{{
    //  {            }     [           ]     :             ,            string        scalar       none
    {kPushObject, kBad, kPushArray, kPop, kBad, kBad, kArrayNext, kArrayNext, kBad},    // kArrayStart
    {kPushObject, kBad, kPushArray, kBad, kBad, kBad, kArrayNext, kArrayNext, kBad},    // kArrayValue
    {kBad, kBad, kBad, kPop, kBad, kArrayValue, kBad, kBad, kBad},                      // kArrayNext
    {kBad, kPop, kBad, kBad, kBad, kBad, kObjectColon, kBad, kBad},                     // kObjectStart
    {kBad, kBad, kBad, kBad, kBad, kBad, kObjectColon, kBad, kBad},                     // kObjectName
    {kBad, kBad, kBad, kBad, kObjectValue, kBad, kBad, kBad, kBad},                     // kObjectColon
    {kPushObject, kBad, kPushArray, kBad, kBad, kBad, kObjectNext, kObjectNext, kBad},  // kObjectValue
    {kBad, kPop, kBad, kBad, kBad, kObjectName, kBad, kBad, kBad},                      // kObjectNext
}};

constexpr std::array<std::string_view, kBad> kExpected{
    "Expected a value or ']'", "Expected a value", "Expected ',' or ']'", "Expected a member name or '}'",
    "Expected a member name",  "Expected ':'",     "Expected a value",    "Expected ',' or '}'"};

bool is_space(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

std::size_t skip_digits(std::string_view text, std::size_t i) noexcept {
  while (i < text.size() && is_digit(text[i]))
    ++i;
  return i;
}

std::optional<std::uint32_t> hex4(std::string_view text) noexcept {
  if (text.size() < 4) return std::nullopt;
  std::uint32_t code = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 4, code, 16);
  if (error != std::errc{} || end != text.data() + 4) return std::nullopt;
  return code;
}

char* put_utf8(std::uint32_t code, char* out) noexcept {
  if (code < 0x80) {
    *out++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *out++ = static_cast<char>(0xc0 | (code >> 6));
    *out++ = static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    *out++ = static_cast<char>(0xe0 | (code >> 12));
    *out++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    *out++ = static_cast<char>(0x80 | (code & 0x3f));
  } else {
    *out++ = static_cast<char>(0xf0 | (code >> 18));
    *out++ = static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    *out++ = static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    *out++ = static_cast<char>(0x80 | (code & 0x3f));
  }
  return out;
}

// The code point of the \u escape that `text` begins with (behind the 'u'), and how much of `text` it took.
struct UnicodeEscape {
  std::uint32_t code;
  std::size_t length;
};

std::optional<UnicodeEscape> unicode_escape(std::string_view text) noexcept {
  const auto high = hex4(text);
  if (!high) return std::nullopt;
  if (*high < 0xd800 || *high > 0xdfff) return UnicodeEscape{*high, 4};
  if (*high > 0xdbff || text.substr(4, 2) != "\\u") return std::nullopt;
  const auto low = hex4(text.substr(6));
  if (!low || *low < 0xdc00 || *low > 0xdfff) return std::nullopt;
  return UnicodeEscape{0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00), 10};
}

// From a comma in an array over as many scalars as a comma follows, to the last such comma. 64 KiB of token
// ids take 14 µs so and 98 µs by the table, whose every look-up waits for the one before.
const std::uint32_t* skip_scalar_pairs(std::string_view body, const std::uint32_t* comma,
                                       const std::uint32_t* last) {
  while (last - comma >= 2 && body[comma[2]] == ',') {
    const Symbol symbol = kSymbolOf[static_cast<std::uint8_t>(body[comma[1]])];
    if (symbol != kScalarStart && symbol != kStringStart) break;
    comma += 2;
  }
  return comma;
}

}  // namespace

std::string_view with_article(JsonType type) noexcept {
  switch (type) {
    case JsonType::kString:
      return "a string";
    case JsonType::kNumber:
      return "a number";
    case JsonType::kBoolean:
      return "a boolean";
    case JsonType::kNull:
      return "null";
    case JsonType::kObject:
      return "an object";
    case JsonType::kArray:
      return "an array";
  }
  return "";
}

bool JsonWalker::take(char c, std::string_view expected) {
  if (peek() != c || at_end()) return fail_here(expected);
  ++at_;
  return true;
}

bool JsonWalker::take_name(Span& span) {
  if (peek() != '"') return fail_here("Expected a member name");
  span.offset = *at_;
  ++at_;
  span.length = scalar_end() - span.offset;
  return true;
}

bool JsonWalker::take_value(int depth, JsonValue& value) {
  if (at_end()) return fail_here("Expected a value");
  value.span.offset = *at_;
  const char first = body_[*at_];
  if (first == '{' || first == '[') {
    value.type = first == '{' ? JsonType::kObject : JsonType::kArray;
    if (!skip_container(depth)) return false;
    value.span.length = at_[-1] + 1 - value.span.offset;
    return true;
  }
  const Symbol symbol = kSymbolOf[static_cast<std::uint8_t>(first)];
  if (symbol != kStringStart && symbol != kScalarStart) return fail_here("Expected a value");
  ++at_;
  value.span.length = scalar_end() - value.span.offset;
  const std::string_view text = value.span.of(body_);
  if (symbol == kStringStart) {
    value.type = JsonType::kString;
  } else if (text == "true" || text == "false") {
    value.type = JsonType::kBoolean;
  } else if (text == "null") {
    value.type = JsonType::kNull;
  } else if (is_json_number(text)) {
    value.type = JsonType::kNumber;
  } else {
    return fail_at(value.span.offset, "Expected a value");
  }
  return true;
}

// From the opening bracket at the cursor to behind its partner. `objects` is the stack: bit 0 tells whether
// the innermost open container is an object.
bool JsonWalker::skip_container(int depth) {
  static_assert(kMaxJsonDepth <= 64, "the stack is one word");
  const std::uint32_t* at = at_;
  std::uint64_t objects = 0;
  const int outer = depth;
  State state = kObjectValue;
  do {
    if (at == end_) return fail_at(body_.size(), kExpected[state]);
    const State move = kMoves[state][kSymbolOf[static_cast<std::uint8_t>(body_[*at])]];
    switch (move) {
      case kBad:
        return fail_at(*at, kExpected[state]);
      case kPushObject:
      case kPushArray:
        if (++depth > kMaxJsonDepth) return fail_at(*at, "Nesting is deeper than 64 levels");
        objects = objects << 1 | (move == kPushObject ? 1 : 0);
        state = move == kPushObject ? kObjectStart : kArrayStart;
        break;
      case kPop:
        --depth;
        objects >>= 1;
        state = (objects & 1) != 0 ? kObjectNext : kArrayNext;
        break;
      case kArrayValue:
        state = move;
        at = skip_scalar_pairs(body_, at, end_ - 1);
        break;
      default:
        state = move;
    }
    ++at;
  } while (depth != outer);
  at_ = at;
  return true;
}

// Where the string or scalar just stepped over ends. Whatever is not white space behind a string or a scalar
// begins a structural of its own, except a quote that touches a scalar (1"a"): is_json_number and the
// literals refuse that.
std::uint32_t JsonWalker::scalar_end() const noexcept {
  std::uint32_t end = offset();
  while (is_space(body_[end - 1]))
    --end;
  return end;
}

bool JsonWalker::fail_at(std::size_t offset, std::string_view what) {
  std::string message = "We could not parse the JSON body of your request. ";
  message += what;
  message += " at byte " + std::to_string(offset) + ".";
  return fail_member({}, std::move(message));
}

bool JsonWalker::fail_member(std::string param, std::string message) {
  if (!error_)
    error_ = Error{ErrorKind::kInvalidBody, std::move(message), Retriable::kNever, std::move(param)};
  at_ = end_;
  return false;
}

bool is_json_number(std::string_view text) noexcept {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  if (i == text.size() || !is_digit(text[i])) return false;
  i = text[i] == '0' ? i + 1 : skip_digits(text, i);
  if (i < text.size() && text[i] == '.') {
    const std::size_t fraction = i + 1;
    i = skip_digits(text, fraction);
    if (i == fraction) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const std::size_t exponent = i;
    i = skip_digits(text, exponent);
    if (i == exponent) return false;
  }
  return i == text.size();
}

std::optional<std::size_t> decode_json_string(std::string_view raw, char* out) noexcept {
  constexpr std::string_view kEscapes = "\"\\/bfnrt";
  constexpr std::string_view kDecoded = "\"\\/\b\f\n\r\t";
  char* const begin = out;
  while (!raw.empty()) {
    const std::size_t plain = std::min(raw.find('\\'), raw.size());
    std::memcpy(out, raw.data(), plain);
    out += plain;
    raw.remove_prefix(plain);
    if (raw.empty()) break;
    if (raw.size() < 2) return std::nullopt;
    if (raw[1] == 'u') {
      const auto escape = unicode_escape(raw.substr(2));
      if (!escape) return std::nullopt;
      out = put_utf8(escape->code, out);
      raw.remove_prefix(2 + escape->length);
      continue;
    }
    const std::size_t which = kEscapes.find(raw[1]);
    if (which == std::string_view::npos) return std::nullopt;
    *out++ = kDecoded[which];
    raw.remove_prefix(2);
  }
  return static_cast<std::size_t>(out - begin);
}

}  // namespace sluice::llm
