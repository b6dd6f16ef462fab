#include "backends/worker/api/logprobs_json.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/llm/text/utf8.h"

namespace sluice::worker {
namespace {

bool is_known(const NamedLogprobs& position) {
  return position.front().rank > 0;
}

void write_bytes(JsonWriter& json, std::string_view text) {
  json.begin_array();
  for (const char byte : text)
    json.value(static_cast<int>(static_cast<unsigned char>(byte)));
  json.end_array();
}

// The members that a token and its alternatives have in common.
void write_token(JsonWriter& json, const NamedLogprob& entry) {
  json.member("token", entry.text);
  json.member("logprob", entry.logprob);
  json.key("bytes");
  write_bytes(json, entry.text);
}

// Alternatives are told apart by their names: of equal ones the last counts, at the place of the first.
void write_by_name(JsonWriter& json, const NamedLogprobs& position) {
  std::vector<std::pair<std::string_view, float>> entries;
  for (const NamedLogprob& entry : position) {
    const auto same =
        std::ranges::find(entries, std::string_view(entry.text), &decltype(entries)::value_type::first);
    if (same != entries.end()) {
      same->second = entry.logprob;
    } else {
      entries.emplace_back(entry.text, entry.logprob);
    }
  }
  json.begin_object();
  for (const auto& [name, logprob] : entries) {
    json.text_key(name);
    json.value(logprob);
  }
  json.end_object();
}

template <class Write>
void write_list(JsonWriter& json, std::string_view name, const std::vector<NamedLogprobs>& positions,
                Write&& write) {
  json.key(name);
  json.begin_array();
  for (const NamedLogprobs& position : positions)
    write(position);
  json.end_array();
}

}  // namespace

void write_chat_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions, std::int64_t top) {
  json.begin_object();
  write_list(json, "content", positions, [&](const NamedLogprobs& position) {
    json.begin_object();
    write_token(json, position.front());
    json.key("top_logprobs");
    json.begin_array();
    const std::size_t count =
        top < 0 ? position.size() : std::min(position.size(), static_cast<std::size_t>(top));
    for (const NamedLogprob& entry : std::span(position).first(count)) {
      json.begin_object();
      write_token(json, entry);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  });
  json.end_object();
}

void write_completion_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions,
                               std::size_t offset) {
  json.begin_object();
  write_list(json, "text_offset", positions, [&](const NamedLogprobs& position) {
    json.value(offset);
    offset += text::count_code_points(position.front().text);
  });
  write_list(json, "token_logprobs", positions, [&](const NamedLogprobs& position) {
    if (is_known(position)) {
      json.value(position.front().logprob);
    } else {
      json.value(nullptr);
    }
  });
  write_list(json, "tokens", positions,
             [&](const NamedLogprobs& position) { json.value(position.front().text); });
  write_list(json, "top_logprobs", positions, [&](const NamedLogprobs& position) {
    if (is_known(position)) {
      write_by_name(json, position);
    } else {
      json.value(nullptr);
    }
  });
  json.end_object();
}

void write_prompt_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions) {
  json.begin_array();
  for (const NamedLogprobs& position : positions) {
    if (!is_known(position)) {
      json.value(nullptr);
      continue;
    }
    json.begin_object();
    for (const NamedLogprob& entry : position) {
      json.key(std::to_string(entry.token));
      json.begin_object();
      json.member("logprob", entry.logprob);
      json.member("rank", entry.rank);
      json.member("decoded_token", entry.text);
      json.end_object();
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace sluice::worker
