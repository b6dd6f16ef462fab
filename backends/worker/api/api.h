#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/generation.h"
#include "gateway/http/stream.h"

namespace sluice::worker {

struct ApiOptions {
  std::vector<std::string> api_keys = {};  // none: everybody may ask
  std::string version;
};

// The vLLM-compatible HTTP API of one model. Every mistake in a request is answered before the engine hears
// of it. Threads: the loop's only. It outlives its requests.
class Api final : public StreamHandler {
 public:
  Api(Loop& loop, const ServedModel& model, Generator& generator, ApiOptions options);

  Task<Result<void>> serve(ServerStream& stream) override;
  Task<Result<void>> refuse(RefusedRequest refused) override;

  // Requests to the model that are not answered yet.
  std::int64_t load() const noexcept { return load_; }

 private:
  using Endpoint = Task<Result<void>> (Api::*)(ServerStream& stream);
  struct Route {
    std::string_view path;
    Method method;
    Endpoint endpoint;
    bool is_inference = false;  // counts as load
  };
  static const std::vector<Route>& routes();

  Task<Result<void>> refuse_method(ServerStream& stream);
  Task<Result<void>> health(ServerStream& stream);
  Task<Result<void>> version(ServerStream& stream);
  Task<Result<void>> show_load(ServerStream& stream);
  Task<Result<void>> metrics(ServerStream& stream);
  Task<Result<void>> models(ServerStream& stream);
  Task<Result<void>> chat_completions(ServerStream& stream);
  Task<Result<void>> completions(ServerStream& stream);
  Task<Result<void>> tokenize_text(ServerStream& stream);
  Task<Result<void>> detokenize_text(ServerStream& stream);

  bool is_authorized(const RequestHead& head) const;
  std::optional<ApiError> unknown_model(const std::optional<std::string>& name) const;
  Parsed<GenerationPlan> plan(ServerStream& stream, std::string_view prefix, GenerationFields fields,
                              TokenIds prompt);
  std::string fresh_id();
  Task<Result<void>> run(const AnswerFormat& format, Parsed<GenerationPlan> plan, ServerStream& stream);

  Loop& loop_;
  const ServedModel& model_;
  Generator& generator_;
  ApiOptions options_;
  std::string fingerprint_;
  TokenMailbox mailbox_;
  WorkerMetrics metrics_;
  ChatFormat chat_format_;
  CompletionFormat completion_format_;
  std::int64_t load_ = 0;
};

}  // namespace sluice::worker
