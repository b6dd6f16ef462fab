#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"

namespace sluice::llm {

// Of one answer to GET /v1/models; what is behind them is not read.
inline constexpr std::size_t kMaxListedModels = 1000;
inline constexpr std::size_t kMaxModelName = 256;  // bytes; longer ones are left out

// The ids in an answer to GET /v1/models, {"data":[{"id":...},...]}, in its order. Error: kUpstreamMalformed.
Result<std::vector<std::string>> parse_model_list(std::string_view body);

// The answer to GET /v1/models for models of these ids, which are sorted and unique.
std::string model_list(const std::vector<std::string>& ids);

}  // namespace sluice::llm
