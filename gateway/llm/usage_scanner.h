#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::llm {

// Tokens, as the backend counted them. A prompt is counted once for n > 1; cached_tokens is the part of it
// that a prefix cache held, 0 where the backend does not tell.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t total_tokens = 0;
  std::int64_t cached_tokens = 0;

  bool operator==(const Usage&) const = default;
};

// Reads a JSON object that arrives in pieces of any size and notices the few top-level members that
// accounting needs: `usage`, `error`, and whether `choices` is an empty array. Fixed memory (sizeof), no
// allocation. The members it reads are checked; elsewhere only strings and the balance of brackets are
// followed, at memchr-like speed. Names written with escapes are not recognised: no backend writes them.
class UsageScanner {
 public:
  void feed(std::string_view bytes) noexcept;

  // True once the object was closed with nothing but white space behind it. The answers below mean nothing
  // before.
  bool complete() const noexcept { return state_ == State::kDone; }
  // The last usable top-level usage: an object with at least one count, none negative, fractional or over
  // 2^53. `null` is none. A missing total is the sum.
  const std::optional<Usage>& usage() const noexcept { return usage_; }
  // A top-level error that is neither null nor false.
  bool has_error() const noexcept { return has_error_; }
  // error.code where it is an integer (vLLM: the HTTP status), else 0.
  int error_code() const noexcept { return error_code_; }
  bool choices_empty() const noexcept { return choices_empty_; }

 private:
  // Where the cursor stands in the objects that are read.
  enum class State : std::uint8_t {
    kRoot,
    kObjectStart,
    kName,
    kColon,
    kValue,
    kNext,
    kFirstChoice,
    kDone,
    kInvalid,
  };
  enum class Mode : std::uint8_t { kStructure, kString, kEscape, kScalar, kSkip };
  enum class Object : std::uint8_t { kRoot, kUsage, kDetails, kError };
  enum class Name : std::uint8_t {
    kOther,
    kUsage,
    kError,
    kChoices,
    kPromptTokens,
    kCompletionTokens,
    kTotalTokens,
    kPromptDetails,
    kCachedTokens,
    kCode,
  };

  const char* structure(const char* at, const char* end) noexcept;
  const char* invalid(const char* at) noexcept;
  const char* string(const char* at, const char* end) noexcept;
  const char* scalar(const char* at, const char* end) noexcept;
  const char* plain_number(const char* at, const char* end) noexcept;
  const char* skip(const char* begin, const char* end) noexcept;
  const char* value(const char* at, const char* end) noexcept;
  void open(Object object) noexcept;
  void close() noexcept;
  void begin_skip() noexcept;
  void begin_string(bool is_name) noexcept;
  void end_name(std::string_view name) noexcept;
  void end_scalar(std::string_view text) noexcept;
  void count(std::string_view number) noexcept;
  void count(std::optional<std::int64_t> number) noexcept;
  void keep(const char* at, const char* end) noexcept;
  Name name_of(std::string_view text) const noexcept;
  std::string_view token() const noexcept { return {token_.data(), token_size_}; }

  State state_ = State::kRoot;
  Mode mode_ = Mode::kStructure;
  Object object_ = Object::kRoot;
  Name name_ = Name::kOther;
  bool token_whole_ = true;  // the token fits, and a string had no escape
  bool string_is_name_ = false;
  bool has_error_ = false;
  bool choices_empty_ = false;
  bool counts_valid_ = true;
  std::uint8_t token_size_ = 0;
  int error_code_ = 0;
  std::uint64_t skip_depth_ = 0;
  // -1: not given.
  Usage counts_;
  std::optional<Usage> usage_;
  std::array<char, 24> token_;
};

}  // namespace sluice::llm
