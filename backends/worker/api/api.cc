#include "backends/worker/api/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

#include "backends/worker/api/json_writer.h"
#include "backends/worker/api/plan_limits.h"
#include "backends/worker/api/prompt.h"
#include "backends/worker/api/reply.h"
#include "backends/worker/api/watched_writer.h"
#include "gateway/base/prometheus_text.h"

namespace sluice::worker {
namespace {

constexpr std::string_view kGuarded[] = {"/v1", "/v2", "/inference",
                                         "/cohere"};  // need the key, if there is one

constexpr std::string_view kNotFound = R"({"detail":"Not Found"})";

std::int64_t unix_seconds(const Loop& loop) {
  return std::chrono::duration_cast<std::chrono::seconds>(loop.time().wall().time_since_epoch()).count();
}

// Takes the same time for every key of one length.
bool equal_keys(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

bool is_json(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ') || content_type.ends_with('\t'))
    content_type.remove_suffix(1);
  return equals_ignoring_case(content_type, kJsonType);
}

// Changes whenever the model or what shapes its answers does.
std::string make_fingerprint(const ServedModel& model, const EngineOptions& options,
                             std::string_view version) {
  const std::string all = fmt::format("{}|{}|{}|{}|{}", model.names.front(), model.root,
                                      options.max_model_len, model.vocab_size, version);
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : all)
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return fmt::format("sluice-{}-{:08x}", version, hash);
}

// The whole body; an error that can be answered has a status.
Task<Result<std::string>> read_body(BodyReader& reader) {
  std::string body;
  for (;;) {
    Result<BodyPiece> piece = co_await reader.read();
    if (!piece) co_return fail(std::move(piece.error()));
    body += piece->bytes;
    if (piece->last) co_return body;
  }
}

// The ids that the model can generate, in order and each once.
TokenIds known_ids(const ServedModel& model, const TokenIds& ids) {
  TokenIds known;
  std::ranges::copy_if(ids, std::back_inserter(known),
                       [&](std::int32_t id) { return id >= 0 && id < model.vocab_size; });
  std::ranges::sort(known);
  const auto repeated = std::ranges::unique(known);
  known.erase(repeated.begin(), repeated.end());
  return known;
}

// vLLM's header that overrides the body's priority; what is no number is ignored.
std::optional<std::int64_t> header_priority(const Headers& headers) {
  const std::string_view text = headers.get("x-vllm-priority");
  std::int64_t priority = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), priority);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return priority;
}

// How many of a position's tokens a chat's logprobs list: all that were asked for by id.
std::int64_t top_logprobs(const SamplingFields& fields) {
  return fields.logprob_token_ids.empty() ? fields.logprobs.value_or(0) : -1;
}

// What an echo puts in front of the answer: the last message's content, if it is the answerer's.
std::string last_content(const Conversation& conversation, std::string_view role) {
  if (conversation.messages.empty()) return {};
  const jinja::Dict& last = *conversation.messages.back().dict();
  const jinja::Value* content = last.find("content");
  if (*last.find("role")->text() != role || content == nullptr || content->text() == nullptr) return {};
  return *content->text();
}

ApiError fault(int status) {
  return {status,
          status == 429 ? "RateLimitError" : "ServiceUnavailableError",
          "A fault that was asked for.",
          {}};
}

ApiError from_http(const Error& error) {
  const int status = traits(error.kind).status;
  return {status, status < 500 ? "BadRequestError" : "InternalServerError", error.detail(), std::nullopt};
}

// Reads and parses a request's body; the media type is looked at first.
template <class Request>
Task<Parsed<Request>> read_request(ServerStream& stream, Parsed<Request> (*parse)(std::string_view)) {
  if (!is_json(stream.head.headers.get(HeaderId::kContentType))) {
    co_return std::unexpected(ApiError{
        400, "Bad Request", "Unsupported Media Type: Only 'application/json' is allowed", std::nullopt});
  }
  Result<std::string> body = co_await read_body(stream.body);
  if (!body) co_return std::unexpected(from_http(body.error()));
  co_return parse(*body);
}

}  // namespace

Api::Api(Loop& loop, const ServedModel& model, Generator& generator, ApiOptions options)
    : loop_(loop),
      model_(model),
      generator_(generator),
      options_(std::move(options)),
      fingerprint_(make_fingerprint(model, generator.options(), options_.version)),
      mailbox_(loop),
      metrics_(model.names.front(), generator.options()) {}

const std::vector<Api::Route>& Api::routes() {
  static const std::vector<Route> routes = {
      {"/v1/chat/completions", Method::kPost, &Api::chat_completions, true},
      {"/v1/completions", Method::kPost, &Api::completions, true},
      {"/v1/embeddings", Method::kPost, &Api::embeddings, true},
      {"/v1/models", Method::kGet, &Api::models},
      {"/tokenize", Method::kPost, &Api::tokenize_text},
      {"/detokenize", Method::kPost, &Api::detokenize_text},
      {"/tokenizer_info", Method::kGet, &Api::tokenizer_info},
      {"/health", Method::kGet, &Api::health, false, true},
      {"/ping", Method::kGet, &Api::health, false, true},
      {"/ping", Method::kPost, &Api::health, false, true},
      {"/metrics", Method::kGet, &Api::metrics, false, true},
      {"/load", Method::kGet, &Api::show_load, false, true},
      {"/version", Method::kGet, &Api::version, false, true},
  };
  return routes;
}

Task<Result<void>> Api::serve(ServerStream& stream) {
  std::string request_id;
  if (options_.request_id_headers) {
    request_id = stream.head.headers.get(HeaderId::kXRequestId);
    if (request_id.empty()) request_id = fresh_id();
  }
  WatchedWriter client(stream.client, std::move(request_id));
  ServerStream watched{stream.head, stream.body, client, stream.peer, stream.protocol, stream.received_at};
  const Route* route = nullptr;
  bool is_known = false;
  for (const Route& r : routes()) {
    if (r.path != stream.head.path()) continue;
    is_known = true;
    if (r.method == stream.head.method) route = &r;
  }
  Result<void> result = co_await dispatch(watched, route, is_known);
  if (route == nullptr || !route->is_operational) {
    metrics_.http_answered(is_known ? stream.head.path() : "none", name(stream.head.method), client.status(),
                           loop_.now() - stream.received_at);
  }
  co_return result;
}

Task<Result<void>> Api::dispatch(ServerStream& stream, const Route* route, bool is_known) {
  if (!is_authorized(stream.head))
    co_return co_await reply(stream.client, 401, kJsonType, R"({"error":"Unauthorized"})");
  if (!is_known) co_return co_await reply(stream.client, 404, kJsonType, std::string(kNotFound));
  if (route == nullptr) co_return co_await refuse_method(stream);
  struct Load {
    std::int64_t* count;
    explicit Load(std::int64_t* c) : count(c) { ++*count; }
    ~Load() { --*count; }
  };
  if (route->is_inference && options_.faults.status)
    co_return co_await reply(stream.client, fault(*options_.faults.status));
  std::optional<Load> load;
  if (route->is_inference) load.emplace(&load_);
  co_return co_await (this->*route->endpoint)(stream);
}

// RFC 9110 15.5.6: the answer says which methods the path has.
Task<Result<void>> Api::refuse_method(ServerStream& stream) {
  constexpr std::string_view kBody = R"({"detail":"Method Not Allowed"})";
  std::string allowed;
  for (const Route& r : routes()) {
    if (r.path != stream.head.path()) continue;
    if (!allowed.empty()) allowed += ", ";
    allowed += name(r.method);
  }
  ResponseHead head;
  head.status = 405;
  head.content_length = kBody.size();
  head.headers.add(HeaderId::kContentType, kJsonType);
  head.headers.add("allow", allowed);
  Result<void> started = co_await stream.client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await stream.client.finish(kBody);
}

Task<Result<void>> Api::refuse(RefusedRequest refused) {
  return reply(refused.client, from_http(refused.error));
}

bool Api::is_authorized(const RequestHead& head) const {
  if (options_.api_keys.empty() || head.method == Method::kOptions) return true;
  const bool guarded =
      std::ranges::any_of(kGuarded, [&](std::string_view prefix) { return head.path().starts_with(prefix); });
  if (!guarded) return true;
  const std::string_view value = head.headers.get(HeaderId::kAuthorization);
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos || !equals_ignoring_case(value.substr(0, space), "bearer"))
    return false;
  bool matches = false;
  for (const std::string& key : options_.api_keys)
    matches |= equal_keys(key, value.substr(space + 1));
  return matches;
}

std::optional<ApiError> Api::unknown_model(const std::optional<std::string>& name) const {
  if (!name || name->empty() || model_.is_called(*name)) return std::nullopt;
  return ApiError{404, "NotFoundError", fmt::format("The model `{}` does not exist.", *name), "model"};
}

Task<Result<void>> Api::health(ServerStream& stream) {
  return reply(stream.client, generator_.healthy() ? 200 : 503, {}, {});
}

Task<Result<void>> Api::version(ServerStream& stream) {
  return reply(stream.client, 200, kJsonType, fmt::format(R"({{"version":"{}"}})", options_.version));
}

Task<Result<void>> Api::show_load(ServerStream& stream) {
  return reply(stream.client, 200, kJsonType, fmt::format(R"({{"server_load":{}}})", load_));
}

Task<Result<void>> Api::metrics(ServerStream& stream) {
  return reply(stream.client, 200, kPrometheusContentType, metrics_.text(generator_.stats()));
}

Task<Result<void>> Api::models(ServerStream& stream) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("object", "list");
  json.key("data");
  json.begin_array();
  for (const std::string& name : model_.names) {
    json.begin_object();
    json.member("id", name);
    json.member("object", "model");
    json.member("created", model_.created);
    json.member("owned_by", "vllm");
    json.member("root", model_.root);
    json.member("parent", nullptr);
    json.member("max_model_len", model_.max_model_len);
    json.key("permission");
    json.begin_array();
    json.begin_object();
    json.member("id", "modelperm-" + fresh_id());
    json.member("object", "model_permission");
    json.member("created", model_.created);
    json.member("allow_create_engine", false);
    json.member("allow_sampling", true);
    json.member("allow_logprobs", true);
    json.member("allow_search_indices", false);
    json.member("allow_view", true);
    json.member("allow_fine_tuning", false);
    json.member("organization", "*");
    json.member("group", nullptr);
    json.member("is_blocking", false);
    json.end_object();
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return reply(stream.client, 200, kJsonType, std::move(body));
}

std::string Api::fresh_id() {
  return fmt::format("{:016x}{:016x}", loop_.random().next(), loop_.random().next());
}

GenerationServices Api::services() {
  return {model_, generator_, mailbox_, metrics_, options_.faults};
}

AnswerIdentity Api::identity(ServerStream& stream, std::string_view prefix, const PromptFields& fields) {
  AnswerIdentity identity;
  const std::string_view header = stream.head.headers.get(HeaderId::kXRequestId);
  identity.id = prefix;
  identity.id += !header.empty() ? std::string(header) : fields.request_id ? *fields.request_id : fresh_id();
  identity.created = unix_seconds(loop_);
  identity.model = model_.names.front();
  identity.fingerprint = fingerprint_;
  return identity;
}

// What the request says of all its answers; the prompts are to be added.
Parsed<GenerationPlan> Api::plan(ServerStream& stream, std::string_view prefix,
                                 const GenerationFields& fields) {
  Parsed<SamplingParams> sampling = resolve_sampling(model_, options_.max_logprobs, fields.sampling);
  if (!sampling) return std::unexpected(sampling.error());
  GenerationPlan plan;
  plan.identity = identity(stream, prefix, fields);
  sampling->stop_token_ids = known_ids(model_, fields.stop_token_ids);
  plan.n = static_cast<std::int32_t>(fields.sampling.n);
  plan.stream = fields.stream;
  plan.include_usage = fields.include_usage || (fields.stream && options_.force_include_usage);
  plan.continuous_usage = fields.continuous_usage || options_.force_include_usage;
  plan.tells_cached = options_.prompt_tokens_details;
  plan.stream_interval = std::max(fields.stream_interval, options_.stream_interval);
  plan.style.text = fields.text;
  plan.style.with_logprobs = sampling->logprobs.has_value();
  plan.style.with_prompt_logprobs = sampling->prompt_logprobs.has_value();
  plan.style.with_token_ids = fields.return_token_ids;
  plan.style.tokens_as_ids = fields.tokens_as_ids.value_or(options_.tokens_as_ids);
  plan.request.min_tokens = fields.text.min_tokens;
  plan.request.ignore_eos = fields.ignore_eos;
  plan.request.sampling = std::make_shared<const SamplingParams>(std::move(*sampling));
  if (fields.sampling.seed) plan.request.seed = static_cast<std::uint64_t>(*fields.sampling.seed);
  plan.request.priority = header_priority(stream.head.headers).value_or(fields.priority.value_or(0));
  plan.request.cache_salt = fields.cache_salt;
  return plan;
}

std::optional<ApiError> Api::add_prompt(GenerationPlan& plan, const GenerationFields& fields, TokenIds tokens,
                                        std::string echo) const {
  const std::int64_t kept_free = std::max<std::int64_t>(fields.max_tokens.value_or(1), 1);
  if (auto error = truncate(model_, fields, kept_free, tokens)) return error;
  const Parsed<std::int32_t> limit = answer_limit(model_, tokens, fields);
  if (!limit) return limit.error();
  plan.prompts.push_back({std::make_shared<const TokenIds>(std::move(tokens)), *limit, std::move(echo)});
  return std::nullopt;
}

Parsed<GenerationPlan> Api::plan_chat(ServerStream& stream, const ChatRequest& request) {
  const Conversation& conversation = request.conversation;
  if (auto error = unknown_model(request.fields.model)) return std::unexpected(std::move(*error));
  if (request.reads_tools && !options_.reads_tools) {
    return std::unexpected(
        rule_error("\"auto\" tool choice requires --enable-auto-tool-choice and "
                   "--tool-call-parser to be set",
                   "tool_choice"));
  }
  const Parsed<std::string> text = render_conversation(model_, conversation, loop_.time().wall());
  if (!text) return std::unexpected(text.error());
  const bool bounded = !request.fields.truncate_prompt_tokens;
  Parsed<TokenIds> tokens = tokenize(model_, *text, conversation.add_special_tokens, bounded);
  if (!tokens) return std::unexpected(tokens.error());
  Parsed<GenerationPlan> planned = plan(stream, "chatcmpl-", request.fields);
  if (!planned) return planned;
  if (request.reads_tools) {
    AnswerStyle& style = planned->style;
    style.tools = planned->stream ? ToolReading::kStreamed : ToolReading::kWhole;
    style.only_first_call = !request.parallel_tool_calls;
    style.fresh_id = [this] { return fresh_id(); };
    style.text.skip_special_tokens = false;  // the tags of calls may be special tokens
  }
  std::string echo = request.echo ? last_content(conversation, options_.response_role) : std::string();
  if (auto error = add_prompt(*planned, request.fields, std::move(*tokens), std::move(echo))) {
    return std::unexpected(std::move(*error));
  }
  return planned;
}

// Ids are moved out of `input`, a text is not.
Parsed<TokenIds> Api::prompt_tokens(PromptInput& input, bool add_special_tokens,
                                    const PromptFields& fields) const {
  if (auto* ids = std::get_if<TokenIds>(&input)) return std::move(*ids);
  return tokenize(model_, std::get<std::string>(input), add_special_tokens, !fields.truncate_prompt_tokens);
}

Parsed<GenerationPlan> Api::plan_completion(ServerStream& stream, CompletionRequest& request) {
  if (auto error = unknown_model(request.fields.model)) return std::unexpected(std::move(*error));
  // No tokens wanted: the engine computes the one that it always does.
  const bool only_echo = request.fields.max_tokens == 0;
  if (only_echo) request.fields.max_tokens = 1;
  Parsed<GenerationPlan> planned = plan(stream, "cmpl-", request.fields);
  if (!planned) return planned;
  planned->style.only_echo = only_echo;
  planned->style.echoes_logprobs = request.echo && planned->style.with_logprobs;
  for (PromptInput& prompt : request.prompts) {
    const std::string* text = std::get_if<std::string>(&prompt);
    Parsed<TokenIds> tokens = prompt_tokens(prompt, request.add_special_tokens, request.fields);
    if (!tokens) return std::unexpected(tokens.error());
    std::string echo;
    if (request.echo) {
      echo =
          text != nullptr ? *text : model_.tokenizer.decode(*tokens, request.fields.text.skip_special_tokens);
    }
    if (auto error = add_prompt(*planned, request.fields, std::move(*tokens), std::move(echo))) {
      return std::unexpected(std::move(*error));
    }
  }
  return planned;
}

Task<Result<void>> Api::chat_completions(ServerStream& stream) {
  const Parsed<ChatRequest> request = co_await read_request(stream, &parse_chat_request);
  if (!request) co_return co_await reply(stream.client, request.error());
  const ChatFormat format(top_logprobs(request->fields.sampling), options_.response_role);
  co_return co_await run(format, plan_chat(stream, *request), stream);
}

Task<Result<void>> Api::completions(ServerStream& stream) {
  Parsed<CompletionRequest> request = co_await read_request(stream, &parse_completion_request);
  if (!request) co_return co_await reply(stream.client, request.error());
  const CompletionFormat format(top_logprobs(request->fields.sampling));
  co_return co_await run(format, plan_completion(stream, *request), stream);
}

Task<Result<void>> Api::run(const AnswerFormat& format, Parsed<GenerationPlan> plan, ServerStream& stream) {
  if (!plan) co_return co_await reply(stream.client, plan.error());
  if (const auto excess = find_excess(*plan, generator_.options())) {
    co_return co_await reply(stream.client, *excess);
  }
  co_return co_await answer(services(), format, std::move(*plan), stream, loop_.now() - stream.received_at);
}

Parsed<EmbeddingPlan> Api::plan_embeddings(ServerStream& stream, EmbeddingRequest& request) {
  if (auto error = unknown_model(request.model)) {
    error->param.reset();  // as vLLM's pooling endpoints do
    return std::unexpected(std::move(*error));
  }
  const Parsed<std::int32_t> dimensions = embedding_size(model_, request.style);
  if (!dimensions) return std::unexpected(dimensions.error());
  bool add_special_tokens = request.add_special_tokens;
  std::vector<PromptInput> inputs;
  if (const auto* conversation = std::get_if<Conversation>(&request.input)) {
    Parsed<std::string> text = render_conversation(model_, *conversation, loop_.time().wall());
    if (!text) return std::unexpected(text.error());
    inputs.emplace_back(std::move(*text));
    add_special_tokens = conversation->add_special_tokens;
  } else {
    inputs = std::move(std::get<std::vector<PromptInput>>(request.input));
  }
  EmbeddingPlan plan;
  plan.identity = identity(stream, "embd-", request);
  plan.request.pooling = options_.pooler.pooling;
  plan.request.priority = header_priority(stream.head.headers).value_or(request.priority.value_or(0));
  plan.request.cache_salt = request.cache_salt;
  plan.style = request.style;
  plan.dimensions = *dimensions;
  plan.normalised = request.style.normalised.value_or(options_.pooler.normalised);
  plan.tells_cached = options_.prompt_tokens_details;
  for (PromptInput& input : inputs) {
    Parsed<TokenIds> tokens = prompt_tokens(input, add_special_tokens, request);
    if (!tokens) return std::unexpected(tokens.error());
    if (auto error = truncate(model_, request, 0, *tokens)) return std::unexpected(std::move(*error));
    if (auto fault = find_embedding_fault(model_, *tokens)) return std::unexpected(std::move(*fault));
    plan.prompts.push_back(std::make_shared<const TokenIds>(std::move(*tokens)));
  }
  return plan;
}

Task<Result<void>> Api::embeddings(ServerStream& stream) {
  Parsed<EmbeddingRequest> request = co_await read_request(stream, &parse_embedding_request);
  if (!request) co_return co_await reply(stream.client, request.error());
  Parsed<EmbeddingPlan> plan = plan_embeddings(stream, *request);
  if (!plan) co_return co_await reply(stream.client, plan.error());
  co_return co_await answer(services(), std::move(*plan), stream, loop_.now() - stream.received_at);
}

Task<Result<void>> Api::tokenizer_info(ServerStream& stream) {
  if (!options_.tells_tokenizer) return reply(stream.client, 404, kJsonType, std::string(kNotFound));
  try {
    return reply(stream.client, 200, kJsonType,
                 jinja::to_json(model_.tokenizer_info, {.item_separator = ",", .key_separator = ":"}));
  } catch (const std::invalid_argument&) {  // larger than a value may be when printed
    return reply(stream.client, internal_error());
  }
}

Task<Result<void>> Api::tokenize_text(ServerStream& stream) {
  const Parsed<TokenizeRequest> request = co_await read_request(stream, &parse_tokenize_request);
  if (!request) co_return co_await reply(stream.client, request.error());
  if (const auto error = unknown_model(request->model)) co_return co_await reply(stream.client, *error);
  Parsed<std::string> text;
  if (const auto* conversation = std::get_if<Conversation>(&request->input)) {
    text = render_conversation(model_, *conversation, loop_.time().wall());
  } else {
    text = std::get<std::string>(request->input);
  }
  if (!text) co_return co_await reply(stream.client, text.error());
  const Parsed<TokenIds> tokens = tokenize(model_, *text, request->add_special_tokens, false);
  if (!tokens) co_return co_await reply(stream.client, tokens.error());
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("count", tokens->size());
  json.member("max_model_len", model_.max_model_len);
  json.key("tokens");
  json.value(std::span<const std::int32_t>(*tokens));
  json.key("token_strs");
  if (request->return_token_strs) {
    json.begin_array();
    for (const std::int32_t token : *tokens)
      json.value(model_.tokenizer.bytes_of(token));
    json.end_array();
  } else {
    json.value(nullptr);
  }
  json.end_object();
  co_return co_await reply(stream.client, 200, kJsonType, std::move(body));
}

Task<Result<void>> Api::detokenize_text(ServerStream& stream) {
  const Parsed<DetokenizeRequest> request = co_await read_request(stream, &parse_detokenize_request);
  if (!request) co_return co_await reply(stream.client, request.error());
  if (const auto error = unknown_model(request->model)) co_return co_await reply(stream.client, *error);
  for (const std::int32_t token : request->tokens) {
    if (token < model_.vocab_size) continue;
    co_return co_await reply(
        stream.client, rule_error(fmt::format("Token id {} is out of vocabulary, which has {} ids.", token,
                                              model_.vocab_size)));
  }
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.member("prompt", model_.tokenizer.decode(request->tokens, false));
  json.end_object();
  co_return co_await reply(stream.client, 200, kJsonType, std::move(body));
}

}  // namespace sluice::worker
