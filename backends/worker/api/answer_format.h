#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/worker/api/answer_text.h"
#include "backends/worker/api/api_request.h"
#include "backends/worker/api/json_writer.h"
#include "backends/worker/api/logprob_text.h"

namespace sluice::worker {

// Tokens of a request. `completion` counts all that were sampled, the last ones too.
struct Usage {
  std::int64_t prompt = 0;
  std::int64_t completion = 0;
  std::optional<std::int64_t> cached = {};  // of the prompt, found in the KV cache; told where it is known
};

// What every body and frame of one answer begins with.
struct AnswerIdentity {
  std::string id;
  std::int64_t created = 0;  // unix seconds
  std::string_view model;    // outlives the answer
  std::string_view fingerprint;
};

// A tool call, or what a frame adds to one: the id and the name come with its first part.
struct ToolCallPart {
  std::size_t index = 0;
  std::string id;    // empty behind the first part
  std::string name;  // likewise
  std::string arguments;
};

// A part of one answer as a frame of the stream carries it, or the whole of it.
struct AnswerPart {
  std::int32_t index = 0;
  std::string_view text;
  std::size_t text_offset = 0;                 // characters of the logprobs' names in earlier parts
  const TokenIds* prompt_token_ids = nullptr;  // null where the request did not ask, or they were said before
  const TokenIds* token_ids = nullptr;
  const std::vector<NamedLogprobs>* logprobs = nullptr;  // null where the request did not ask
  const std::vector<NamedLogprobs>* prompt_logprobs = nullptr;
  const std::vector<ToolCallPart>* tool_calls = nullptr;  // null or not empty
  const Ending* ending = nullptr;                         // in the last part
  std::optional<Usage> usage = {};
};

// Writes answers in the words of one endpoint: the same members in the same order as vLLM, nulls included
// where it prints them (whole bodies print all members, frames only those that were set).
class AnswerFormat {
 public:
  // `top_logprobs`: how many most probable tokens were asked for; -1 for all that are known.
  explicit AnswerFormat(std::int64_t top_logprobs) : top_logprobs_(top_logprobs) {}
  virtual ~AnswerFormat() = default;

  // All answers as one JSON body. Each part is a whole answer.
  virtual std::string whole(const AnswerIdentity& identity, std::span<const AnswerPart> parts,
                            const Usage& usage) const = 0;

  // Appends what goes in front of an answer's first part, if anything.
  virtual void opening(const AnswerIdentity& identity, const AnswerPart& part, std::string& out) const = 0;

  // Appends one frame. `last_frame`: no usage frame follows.
  virtual void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
                     std::string& out) const = 0;

  // Appends the frame that only says the usage.
  void usage_frame(const AnswerIdentity& identity, const Usage& usage, std::string& out) const;

 protected:
  virtual std::string_view frame_object() const = 0;
  std::int64_t top_logprobs() const noexcept { return top_logprobs_; }

 private:
  std::int64_t top_logprobs_;
};

// POST /v1/chat/completions.
class ChatFormat final : public AnswerFormat {
 public:
  ChatFormat(std::int64_t top_logprobs, std::string role)
      : AnswerFormat(top_logprobs), role_(std::move(role)) {}

  std::string whole(const AnswerIdentity& identity, std::span<const AnswerPart> parts,
                    const Usage& usage) const override;
  void opening(const AnswerIdentity& identity, const AnswerPart& part, std::string& out) const override;
  void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
             std::string& out) const override;

 private:
  std::string_view frame_object() const override { return "chat.completion.chunk"; }
  void write_logprobs(JsonWriter& json, const AnswerPart& part) const;

  std::string role_;
};

// POST /v1/completions.
class CompletionFormat final : public AnswerFormat {
 public:
  using AnswerFormat::AnswerFormat;

  std::string whole(const AnswerIdentity& identity, std::span<const AnswerPart> parts,
                    const Usage& usage) const override;
  void opening(const AnswerIdentity&, const AnswerPart&, std::string&) const override {}
  void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
             std::string& out) const override;

 private:
  std::string_view frame_object() const override { return "text_completion"; }
};

// The members that every body begins with.
void write_identity(JsonWriter& json, const AnswerIdentity& identity, std::string_view object);
// A frame's usage; a whole body's goes on with the details.
void write_usage(JsonWriter& json, const Usage& usage, bool with_details);

inline constexpr std::string_view kStreamEnd = "data: [DONE]\n\n";

// Appends an error that comes after the stream has begun.
void append_error_frame(const ApiError& error, std::string& out);

}  // namespace sluice::worker
