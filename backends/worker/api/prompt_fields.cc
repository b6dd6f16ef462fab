#include "backends/worker/api/prompt_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace sluice::worker {
namespace {

constexpr std::size_t kLongestSalt = 1024;  // bytes; each answer keeps it while it waits

std::optional<std::int32_t> to_token(RequestFields& body, std::int64_t id, const std::string& path) {
  if (id < 0) {
    body.refuse(schema_error("greater_than_equal", path, "Input should be greater than or equal to 0"));
    return std::nullopt;
  }
  return static_cast<std::int32_t>(std::min<std::int64_t>(id, std::numeric_limits<std::int32_t>::max()));
}

// One of several prompts, at `index` of the list `name`.
PromptInput read_listed_prompt(RequestFields& body, const jinja::Value& prompt, std::string_view name,
                               std::size_t index) {
  if (prompt.text() != nullptr) return *prompt.text();
  const std::string place = std::to_string(index);
  jinja::Dict inner;
  inner.set(place, prompt);
  RequestFields nested(inner, body.path_of(name));
  TokenIds ids = read_ids(nested, place);
  if (nested.error()) {
    body.refuse(*nested.error());
  } else if (ids.empty()) {
    body.refuse(rule_error(fmt::format("{} must not be empty.", name), std::string(name)));
  }
  return ids;
}

void read_cache_salt(RequestFields& body, PromptFields& fields) {
  const auto salt = body.text("cache_salt");
  if (!salt) return;
  if (salt->empty()) {
    body.refuse(rule_error("Parameter 'cache_salt' must be a non-empty string if provided.", "cache_salt"));
  }
  if (salt->size() > kLongestSalt) {
    body.refuse(value_error(fmt::format("cache_salt has at most {} bytes.", kLongestSalt), "cache_salt",
                            std::to_string(salt->size())));
  }
  fields.cache_salt = *salt;
}

void read_truncation(RequestFields& body, PromptFields& fields) {
  fields.truncate_prompt_tokens = body.integer("truncate_prompt_tokens");
  if (fields.truncate_prompt_tokens && *fields.truncate_prompt_tokens < -1) {
    body.mistype("greater_than_equal", "truncate_prompt_tokens",
                 "Input should be greater than or equal to -1");
  }
  // Byte-level tokenizers truncate on the left by default, which is what is done here.
  if (body.literal("truncation_side", {"left", "right"}) == "right") {
    body.refuse(unsupported("truncation_side right", "truncation_side"));
  }
}

}  // namespace

PromptFields read_prompt_fields(RequestFields& body) {
  PromptFields fields;
  fields.model = body.text("model");
  fields.request_id = body.text("request_id");
  fields.priority = body.integer("priority");
  read_cache_salt(body, fields);
  read_truncation(body, fields);
  return fields;
}

TokenIds read_ids(RequestFields& body, std::string_view name) {
  TokenIds ids;
  for (const std::int64_t id : body.integers(name)) {
    const auto token = to_token(body, id, fmt::format("{}.{}", body.path_of(name), ids.size()));
    if (!token) return ids;
    ids.push_back(*token);
  }
  return ids;
}

std::vector<PromptInput> read_prompts(RequestFields& body, std::string_view name, std::size_t most) {
  const jinja::Value* prompt = body.find(name);
  if (prompt == nullptr) return {};
  if (prompt->text() != nullptr) return {*prompt->text()};
  const jinja::List* list = body.list(name);
  if (list == nullptr) return {};
  if (list->empty()) {
    body.refuse(rule_error(fmt::format("{} must not be empty.", name), std::string(name)));
    return {};
  }
  if (list->front().text() == nullptr && list->front().list() == nullptr) return {read_ids(body, name)};
  if (list->size() > most) {
    body.refuse(value_error(fmt::format("{} has at most {} entries.", name, most), name,
                            std::to_string(list->size())));
    return {};
  }
  std::vector<PromptInput> prompts;
  for (std::size_t i = 0; i < list->size() && !body.error(); ++i)
    prompts.push_back(read_listed_prompt(body, (*list)[i], name, i));
  return prompts;
}

}  // namespace sluice::worker
