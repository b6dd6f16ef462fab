#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/worker/api/answer_format.h"
#include "backends/worker/api/generation.h"

namespace sluice::worker {

// A request for embeddings that passed every check, ready for the engine.
struct EmbeddingPlan {
  AnswerIdentity identity;
  std::vector<std::shared_ptr<const TokenIds>> prompts;
  Request request;  // what all of them have in common
  EmbeddingStyle style;
  std::int32_t dimensions = 0;
  bool normalised = true;
  bool tells_cached = false;  // usage says how much of the prompts was cached
};

// How many numbers an embedding has. Refuses what the model was not trained to be cut to.
Parsed<std::int32_t> embedding_size(const ServedModel& model, const EmbeddingStyle& style);

// How many numbers the embeddings of one request may have together; as many as 2,048 of 1,024 dimensions.
inline constexpr std::int64_t kMostEmbeddingNumbers = std::int64_t{2048} * 1024;

// Why a plan costs more than one request may.
std::optional<ApiError> find_excess(const EmbeddingPlan& plan, const EngineOptions& options);

// Why the model cannot read a prompt.
std::optional<ApiError> find_embedding_fault(const ServedModel& model, const TokenIds& prompt);

// Has the plan's prompts computed and answers with all their embeddings at once.
Task<Result<void>> answer(const GenerationServices& services, EmbeddingPlan plan, ServerStream& stream,
                          Duration submitted_after);

}  // namespace sluice::worker
