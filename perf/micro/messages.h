#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

// What the benchmarks read and write: requests as OpenAI's Python client sends them, answers as vLLM's server
// does.
namespace sluice::micro {

inline constexpr std::string_view kRequestHead =
    "POST /v1/chat/completions HTTP/1.1\r\n"
    "Host: gateway.example.org\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Accept: application/json\r\n"
    "Content-Type: application/json\r\n"
    "User-Agent: OpenAI/Python 1.99.6\r\n"
    "X-Stainless-Lang: python\r\n"
    "X-Stainless-Package-Version: 1.99.6\r\n"
    "X-Stainless-OS: Linux\r\n"
    "X-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\n"
    "X-Stainless-Runtime-Version: 3.12.3\r\n"
    "Authorization: Bearer sk-0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
    "X-Stainless-Async: false\r\n"
    "x-stainless-retry-count: 0\r\n"
    "x-stainless-read-timeout: 600\r\n"
    "Content-Length: 84\r\n"
    "\r\n";

inline constexpr std::string_view kAnswerHead =
    "HTTP/1.1 200 OK\r\n"
    "date: Mon, 02 Nov 2026 09:00:00 GMT\r\n"
    "server: uvicorn\r\n"
    "content-length: 614\r\n"
    "content-type: application/json\r\n"
    "\r\n";

inline constexpr std::string_view kSmallBody =
    R"({"messages":[{"role":"user","content":"Say hello, please."}],"model":"tiny","stream":true})";

// Prose of at most so many bytes, as it stands in JSON.
inline std::string prose(std::size_t bytes) {
  constexpr std::string_view kText =
      R"(She asked: \"What does the gateway do?\"\n\nIt stands in front of the models – clients need not know where. )";
  std::string text;
  while (text.size() + kText.size() <= bytes)
    text += kText;
  return text;
}

// A conversation of about so many bytes, in messages of half a kilobyte; at least kSmallBody.
inline std::string chat_body(std::size_t bytes) {
  constexpr std::string_view kBegin = R"({"messages":[)";
  constexpr std::string_view kEnd =
      R"(],"model":"meta-llama/Llama-3.1-8B-Instruct","max_tokens":256,"stream":true,"temperature":0.7})";
  const std::string message = R"({"role":"user","content":")" + prose(512) + R"("})";
  if (bytes < kBegin.size() + message.size() + kEnd.size()) return std::string(kSmallBody);
  std::string body = std::string(kBegin) + message;
  while (body.size() + 1 + message.size() + kEnd.size() <= bytes)
    body.append(",").append(message);
  return body.append(kEnd);
}

// An answer that is not streamed, with a text of about so many bytes.
inline std::string answer_body(std::size_t content_bytes) {
  return R"({"id":"chatcmpl-9f86d081884c7d659a2feaa0c55ad015","object":"chat.completion","created":1750000000,)"
         R"("model":"tiny","choices":[{"index":0,"message":{"role":"assistant","reasoning_content":null,"content":")" +
         prose(content_bytes) +
         R"(","refusal":null,"annotations":null,"audio":null,"function_call":null,"tool_calls":[]},"logprobs":null,)"
         R"("finish_reason":"stop","stop_reason":null}],"service_tier":null,"system_fingerprint":null,)"
         R"("usage":{"prompt_tokens":12,"total_tokens":268,"completion_tokens":256,"prompt_tokens_details":null},)"
         R"("prompt_logprobs":null})";
}

inline constexpr std::string_view kEvent =
    R"(data: {"id":"chatcmpl-9f86d081884c7d659a2feaa0c55ad015","object":"chat.completion.chunk",)"
    R"("created":1750000000,"model":"tiny","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,)"
    R"("finish_reason":null}]})"
    "\n\n";

// What a large read holds.
inline constexpr std::size_t kBulkBytes = 64 * 1024;
inline constexpr std::size_t kBulkEvents = kBulkBytes / (kEvent.size() + 6);

inline std::string bulk_events() {
  std::string events;
  for (std::size_t i = 0; i < kBulkEvents; ++i)
    events += kEvent;
  return events;
}

// An event as a chunk of its own, which is how vLLM sends them.
inline std::string chunk(std::string_view content) {
  return fmt::format("{:x}\r\n{}\r\n", content.size(), content);
}

}  // namespace sluice::micro
