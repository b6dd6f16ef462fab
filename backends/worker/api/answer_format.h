#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "backends/worker/api/answer_text.h"
#include "backends/worker/api/api_request.h"

namespace sluice::worker {

// Tokens of one answer. `completion` counts all that were sampled, the last one too.
struct Usage {
  std::int64_t prompt = 0;
  std::int64_t completion = 0;
};

// What every body and frame of one answer begins with.
struct AnswerIdentity {
  std::string id;
  std::int64_t created = 0;  // unix seconds
  std::string_view model;    // outlives the answer
  std::string_view fingerprint;
};

// A part of an answer as a frame of the stream carries it, or the whole of it.
struct AnswerPart {
  std::string_view text;
  const TokenIds* prompt_token_ids = nullptr;  // null where the request did not ask, or they were said before
  const TokenIds* token_ids = nullptr;
  const Ending* ending = nullptr;  // in the last part
  std::optional<Usage> usage = {};
};

// Writes answers in the words of one endpoint: the same members in the same order as vLLM, nulls included
// where it prints them (whole bodies print all members, frames only those that were set).
class AnswerFormat {
 public:
  virtual ~AnswerFormat() = default;

  // The whole answer as one JSON body. `part` has an ending and the usage.
  virtual std::string whole(const AnswerIdentity& identity, const AnswerPart& part) const = 0;

  // Appends what goes in front of the first part, if anything.
  virtual void opening(const AnswerIdentity& identity, const AnswerPart& part, std::string& out) const = 0;

  // Appends one frame. `last_frame`: no usage frame follows.
  virtual void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
                     std::string& out) const = 0;

  // Appends the frame that only says the usage.
  void usage_frame(const AnswerIdentity& identity, const Usage& usage, std::string& out) const;

 protected:
  virtual std::string_view frame_object() const = 0;
};

// POST /v1/chat/completions.
class ChatFormat final : public AnswerFormat {
 public:
  std::string whole(const AnswerIdentity& identity, const AnswerPart& part) const override;
  void opening(const AnswerIdentity& identity, const AnswerPart& part, std::string& out) const override;
  void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
             std::string& out) const override;

 private:
  std::string_view frame_object() const override { return "chat.completion.chunk"; }
};

// POST /v1/completions.
class CompletionFormat final : public AnswerFormat {
 public:
  std::string whole(const AnswerIdentity& identity, const AnswerPart& part) const override;
  void opening(const AnswerIdentity&, const AnswerPart&, std::string&) const override {}
  void frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
             std::string& out) const override;

 private:
  std::string_view frame_object() const override { return "text_completion"; }
};

inline constexpr std::string_view kStreamEnd = "data: [DONE]\n\n";

// Appends an error that comes after the stream has begun.
void append_error_frame(const ApiError& error, std::string& out);

}  // namespace sluice::worker
