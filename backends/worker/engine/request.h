#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/engine/clock.h"
#include "backends/worker/engine/logprobs.h"
#include "backends/worker/engine/sampling_params.h"

namespace sluice::worker {

using RequestId = std::uint64_t;

enum class FinishReason {
  kNone,     // not finished
  kStop,     // an end-of-sequence or stop token was generated, the last token of the event; or the prompt was
             // pooled
  kLength,   // max_tokens or the model's context is used up
  kAborted,  // by Engine::abort, or because the engine was stopped
  kError,    // the engine failed
};

// What becomes of the final hidden states of a prompt's tokens.
enum class Pooling {
  kNone,  // nothing: the prompt is continued
  kLast,  // the last one is the answer
  kMean,  // their mean is
};

// When a request reached each stage; a stage not reached keeps the value of the one before.
struct RequestTimes {
  TimePoint submitted;
  TimePoint scheduled;  // first rows computed
  TimePoint first_token;
  TimePoint last_token;
};

// News of one request. `tokens` may be empty only in the finishing event. The spans point into the engine and
// are valid during the call.
struct TokenEvent {
  RequestId id = 0;
  std::span<const std::int32_t> tokens;
  FinishReason finish = FinishReason::kNone;
  // The member of SamplingParams::stop_token_ids that ended it; -1 if it was an end-of-sequence token or
  // nothing of both.
  std::int32_t stop_token = -1;
  RequestTimes times;
  std::int32_t cached_tokens = 0;  // of the prompt, found in the KV cache when it was first scheduled
  std::span<const TokenLogprobs> logprobs = {};  // one for each token, if they were asked for
  // Of each token of the prompt but the first, if they were asked for; with the first token.
  std::span<const TokenLogprobs> prompt_logprobs = {};
  std::span<const float> embedding = {};  // in the finishing event of a request that pools, not normalised

  bool finished() const noexcept { return finish != FinishReason::kNone; }
};

// Receives the tokens of requests. Called on the engine's thread: it must only hand the event on, for every
// sequence in the batch waits for it. Each accepted request gets exactly one finishing event, and nothing
// after it.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void on_tokens(const TokenEvent& event) noexcept = 0;
};

// A prompt to be continued or, with pooling, to be read only: then what is said of answers is not looked at.
struct Request {
  RequestId id = 0;                                         // from Engine::new_id
  std::shared_ptr<const std::vector<std::int32_t>> prompt;  // several answers may share it
  Pooling pooling = Pooling::kNone;
  std::int32_t max_tokens = 16;  // cut to what the context leaves room for
  std::int32_t min_tokens = 0;   // no end-of-sequence or stop token before that many
  bool ignore_eos = false;
  // Several answers may share them.
  std::shared_ptr<const SamplingParams> sampling = std::make_shared<const SamplingParams>();
  std::optional<std::uint64_t> seed;  // the engine's own randomness without one
  std::int64_t priority = 0;          // lower ones first, under the priority policy only
  std::string cache_salt;             // requests with different ones share nothing in the KV cache
  std::shared_ptr<TokenSink> sink;    // owned by the engine too, until the finishing event was delivered
};

enum class SubmitStatus {
  kAccepted,
  kQueueFull,
  kStopped,  // the engine was closed, stopped or has failed
  kEmptyPrompt,
  kPromptTooLong,  // more than max_model_len, or no room for one more token where it is to be continued
  kTokenOutOfVocabulary,
  kBadLimits,  // max_tokens < 1, or min_tokens outside [0, max_tokens]
  kNeverFits,  // prompt and answer need more than the whole KV cache
};

}  // namespace sluice::worker
