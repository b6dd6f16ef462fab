#include "gateway/llm/text/split_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <cstddef>

namespace sluice::text {
namespace {

constexpr std::string_view kSpaces =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kNotSpaces =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
    R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";

// A long run of one kind of character needs more than the 32 KiB that PCRE2's JIT takes from the machine
// stack.
constexpr std::size_t kJitStackStart = 32 * 1024;
constexpr std::size_t kJitStackLimit = 4 * 1024 * 1024;

std::string with_unicode_spaces(std::string_view pattern) {
  std::string rewritten;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's' || escaped == 'S') {
        if (!in_class) rewritten += '[';
        rewritten += escaped == 's' ? kSpaces : kNotSpaces;
        if (!in_class) rewritten += ']';
      } else {
        rewritten += c;
        rewritten += escaped;
      }
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    rewritten += c;
  }
  return rewritten;
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  const int length = pcre2_get_error_message(code, buffer.data(), buffer.size());
  return {reinterpret_cast<const char*>(buffer.data()), static_cast<std::size_t>(length > 0 ? length : 0)};
}

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* pointer) const noexcept {
    Free(pointer);
  }
};
using MatchBlock = std::unique_ptr<pcre2_match_data, FreeWith<pcre2_match_data_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, FreeWith<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, FreeWith<pcre2_jit_stack_free>>;

}  // namespace

struct SplitRegex::Code {
  std::unique_ptr<pcre2_code, FreeWith<pcre2_code_free>> pcre;
};

Result<SplitRegex> SplitRegex::compile(std::string_view pattern) {
  const std::string rewritten = with_unicode_spaces(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_shared<Code>();
  code->pcre.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rewritten.data()), rewritten.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr));
  if (!code->pcre) return fail(ErrorKind::kConfig, "split pattern does not compile: " + message_of(error));
  // Without the JIT (a hardened kernel may refuse executable memory) matching is slower and otherwise the
  // same.
  pcre2_jit_compile(code->pcre.get(), PCRE2_JIT_COMPLETE);
  return SplitRegex(std::move(code));
}

Result<void> SplitRegex::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  const MatchBlock block(pcre2_match_data_create_from_pattern(code_->pcre.get(), nullptr));
  const MatchContext context(pcre2_match_context_create(nullptr));
  JitStack
      stack;  // only once the machine's does not do: to map one for every text costs more than to match most
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const PCRE2_SIZE* range = pcre2_get_ovector_pointer(block.get());

  std::size_t position = 0;
  while (position < text.size()) {
    const int found = pcre2_match(code_->pcre.get(), subject, text.size(), position,
                                  PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, block.get(), context.get());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack) {
      stack.reset(pcre2_jit_stack_create(kJitStackStart, kJitStackLimit, nullptr));
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      if (stack) continue;
    }
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) return fail(ErrorKind::kInvalidBody, "text cannot be tokenized: " + message_of(found));
    // \K moves where a match begins; whatever it does, a piece must take the text forward.
    if (range[0] < position || range[1] <= range[0]) {
      return fail(ErrorKind::kInvalidBody, "text cannot be tokenized: the split pattern does not move on");
    }
    if (range[0] > position) pieces.push_back(text.substr(position, range[0] - position));
    pieces.push_back(text.substr(range[0], range[1] - range[0]));
    position = range[1];
  }
  if (position < text.size()) pieces.push_back(text.substr(position));
  return {};
}

}  // namespace sluice::text
