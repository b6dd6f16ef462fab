#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/api_faults.h"
#include "backends/worker/api/embedding.h"
#include "backends/worker/api/generation.h"
#include "backends/worker/api/pooler_config.h"
#include "gateway/http/stream.h"

namespace sluice::worker {

struct ApiOptions {
  std::vector<std::string> api_keys = {};  // none: everybody may ask
  std::string version;
  std::string response_role = "assistant";
  std::int64_t max_logprobs = 20;      // most probable tokens that may be asked for; -1: all
  std::int64_t stream_interval = 1;    // least tokens of a frame; requests may raise it
  bool reads_tools = false;            // tool calls in the form of Hermes models
  bool request_id_headers = false;     // answer with X-Request-Id
  bool prompt_tokens_details = false;  // usage says how much of the prompt was cached
  bool force_include_usage = false;    // as if every stream asked for it, on each frame
  bool tokens_as_ids = false;          // return_tokens_as_token_ids of requests that do not say
  bool tells_tokenizer = false;        // GET /tokenizer_info
  PoolerConfig pooler = {};
  ApiFaults faults = {};
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
    bool is_inference = false;    // counts as load
    bool is_operational = false;  // not counted among the HTTP requests
  };
  static const std::vector<Route>& routes();

  Task<Result<void>> dispatch(ServerStream& stream, const Route* route, bool is_known);
  Task<Result<void>> refuse_method(ServerStream& stream);
  Task<Result<void>> health(ServerStream& stream);
  Task<Result<void>> version(ServerStream& stream);
  Task<Result<void>> show_load(ServerStream& stream);
  Task<Result<void>> metrics(ServerStream& stream);
  Task<Result<void>> models(ServerStream& stream);
  Task<Result<void>> chat_completions(ServerStream& stream);
  Task<Result<void>> completions(ServerStream& stream);
  Task<Result<void>> embeddings(ServerStream& stream);
  Task<Result<void>> tokenize_text(ServerStream& stream);
  Task<Result<void>> detokenize_text(ServerStream& stream);
  Task<Result<void>> tokenizer_info(ServerStream& stream);

  bool is_authorized(const RequestHead& head) const;
  std::optional<ApiError> unknown_model(const std::optional<std::string>& name) const;
  Parsed<GenerationPlan> plan(ServerStream& stream, std::string_view prefix, const GenerationFields& fields);
  Parsed<GenerationPlan> plan_chat(ServerStream& stream, const ChatRequest& request);
  Parsed<GenerationPlan> plan_completion(ServerStream& stream, CompletionRequest& request);
  std::optional<ApiError> add_prompt(GenerationPlan& plan, const GenerationFields& fields, TokenIds tokens,
                                     std::string echo) const;
  Parsed<TokenIds> prompt_tokens(PromptInput& input, bool add_special_tokens,
                                 const PromptFields& fields) const;
  Parsed<EmbeddingPlan> plan_embeddings(ServerStream& stream, EmbeddingRequest& request);
  AnswerIdentity identity(ServerStream& stream, std::string_view prefix, const PromptFields& fields);
  GenerationServices services();
  std::string fresh_id();
  Task<Result<void>> run(const AnswerFormat& format, Parsed<GenerationPlan> plan, ServerStream& stream);

  Loop& loop_;
  const ServedModel& model_;
  Generator& generator_;
  ApiOptions options_;
  std::string fingerprint_;
  TokenMailbox mailbox_;
  WorkerMetrics metrics_;
  std::int64_t load_ = 0;
};

}  // namespace sluice::worker
