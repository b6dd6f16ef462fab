#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/worker/api/api_error.h"
#include "backends/worker/api/request_fields.h"
#include "backends/worker/api/served_model.h"
#include "backends/worker/engine/sampling_params.h"

namespace sluice::worker {

// What a request says about the choice of tokens. What it leaves open comes from the checkpoint.
struct SamplingFields {
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
  double frequency_penalty = 0;
  double presence_penalty = 0;
  std::optional<std::int64_t> seed;
  std::int64_t n = 1;  // answers to each prompt
  std::vector<std::pair<std::int64_t, double>> logit_bias;
  std::optional<std::vector<std::int64_t>> allowed_token_ids;
  std::vector<std::string> bad_words;
  std::optional<std::int64_t> logprobs;         // most probable tokens to tell with each token; -1: all
  std::vector<std::int64_t> logprob_token_ids;  // these instead
  std::optional<std::int64_t> prompt_logprobs;
};

// Reads all of them but `logprobs`, which each endpoint says in its own way. `stream`: whether the answer
// will be one.
SamplingFields read_sampling_fields(RequestFields& body, bool stream);

// A request's or a prompt's number of logprobs: -1 and more.
void check_logprobs(RequestFields& body, std::string_view name, std::int64_t value);

// The parameters for the engine: the checkpoint's defaults filled in, ids checked against the vocabulary, bad
// words tokenised. `max_logprobs` caps how many most probable tokens may be asked for; -1: no cap.
Parsed<SamplingParams> resolve_sampling(const ServedModel& model, std::int64_t max_logprobs,
                                        const SamplingFields& fields);

}  // namespace sluice::worker
