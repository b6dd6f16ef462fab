#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/llm/body_buffer.h"

namespace sluice::llm {

// Where a value stands in the body, in bytes. Length 0: the member is absent.
struct Span {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;

  bool present() const noexcept { return length > 0; }
  std::uint32_t end() const noexcept { return offset + length; }
  std::string_view of(std::string_view body) const { return body.substr(offset, length); }
};

// The decoded text of a JSON string: a view of the body, or of a copy of its own where escapes forced one.
class JsonText {
 public:
  JsonText() = default;
  explicit JsonText(std::string_view in_body) : view_(in_body) {}
  JsonText(std::unique_ptr<char[]> decoded, std::size_t length)
      : decoded_(std::move(decoded)), view_(decoded_.get(), length) {}

  std::string_view view() const noexcept { return view_; }

 private:
  std::unique_ptr<char[]> decoded_;
  std::string_view view_;
};

// A top-level member that was asked for by its name.
struct RequestedMember {
  std::string name = {};
  // A string's decoded text, or a number or boolean as it is spelled.
  JsonText text = {};
  // It is there, and not null, an object or an array.
  bool is_scalar = false;
};

// What is read of a body beside the members that the gateway knows.
struct ParseOptions {
  std::span<const std::string> members = {};  // sorted; outlives the parse
  // The body belongs to no OpenAI request: members of another type than OpenAI's are as good as absent.
  bool lenient = false;
};

// What the gateway reads of an OpenAI/vLLM request: the few top-level members that routing, limits and
// splices need. Holds views of the body it was parsed from: valid while that body lives and is not appended
// to.
struct RequestView {
  // Decoded; empty when absent or null.
  JsonText model;
  JsonText user;
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  // Tokens. Chat takes max_completion_tokens first, completions know max_tokens alone; null counts as absent.
  std::optional<std::int64_t> max_tokens;
  std::optional<std::int64_t> max_completion_tokens;
  std::int64_t n = 1;

  // The raw values, quotes and brackets included, null too.
  Span model_span;
  Span messages;
  Span prompt;
  Span input;
  Span stream_options;
  Span include_usage_span;
  // Where a member can be inserted: just behind the opening brace, and whether a comma must follow.
  std::uint32_t first_member = 0;
  bool has_members = false;
  bool stream_options_is_object = false;  // else null or absent
  bool stream_options_has_members = false;

  std::vector<RequestedMember> members;  // one for each of ParseOptions::members, in its order

  // The text of a top-level member that is read: one of those asked for, `model` or `user`. Empty if the body
  // has none, or if it is no scalar.
  std::string_view text_of(std::string_view member) const noexcept;
};

// Depth of containers, the root being 1: the lowest limit among the parsers a body may meet behind us is
// higher.
inline constexpr int kMaxJsonDepth = 64;
// Members at the top level. The API knows about 60; the limit keeps the search for duplicates from growing
// with the square of what a client sends.
inline constexpr int kMaxJsonMembers = 128;
inline constexpr std::int64_t kMaxTokensLimit = 2147483647;
// VLLM_MAX_N_SEQUENCES
inline constexpr std::int64_t kMaxChoices = 16384;

// Reads request bodies; keeps its index from one to the next, so own one per thread. The index takes 4 bytes
// per structural character; past 4 MiB it is freed after the parse.
//
// One vectorised pass checks UTF-8 and finds the structure, one walk over the structure checks brackets,
// commas and colons at every depth, so that no backend can see other top-level members than we do. What no
// rule reads is not read: numbers and escapes below the top level are left for the backend to judge.
class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  // kInvalidBody, with `param` where one member is at fault: invalid JSON or UTF-8, no object, content behind
  // it, too deep, too many members, the same member twice (whatever its escapes), `model` in another case, a
  // member read here of a wrong type or out of range. Bodies up to 4 GiB - 1.
  Result<RequestView> parse(const BodyBuffer& body, const ParseOptions& options = {});

 private:
  struct Index;
  std::unique_ptr<Index> index_;
};

}  // namespace sluice::llm
