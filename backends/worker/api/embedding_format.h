#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/api/answer_format.h"

namespace sluice::worker {

// Keeps the first `dimensions` numbers, then scales them to length one where that is wanted. All zeros stay.
void shape_embedding(std::vector<float>& embedding, std::size_t dimensions, bool normalised);

// The body of POST /v1/embeddings. Numbers must be finite.
std::string embeddings_body(const AnswerIdentity& identity, std::span<const std::vector<float>> embeddings,
                            const EmbeddingStyle& style, const Usage& usage);

}  // namespace sluice::worker
