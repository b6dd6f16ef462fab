#include "perf/load/requests.h"

#include <fmt/format.h>

namespace sluice::load {
namespace {

constexpr std::string_view kFields =
    "Host: load.example\r\nUser-Agent: sluice-load\r\nAccept: */*\r\nContent-Type: application/json\r\n";

}  // namespace

std::string events_path(std::uint64_t events, std::uint64_t gap_us, unsigned burst) {
  return fmt::format("/v1/events/{}/{}/{}", events, gap_us, burst);
}

std::string answer_path(std::size_t bytes) {
  return fmt::format("/v1/answer/{}", bytes);
}

std::string chat_body(std::size_t prompt_bytes, bool stream) {
  return fmt::format(R"({{"model":"tiny",{}"messages":[{{"role":"user","content":"{}"}}]}})",
                     stream ? R"("stream":true,)" : "", std::string(prompt_bytes, 'x'));
}

std::string post(std::string_view path, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n{}", path, kFields, body.size(), body);
}

std::string post_chunked(std::string_view path, std::string_view body, std::size_t chunk) {
  std::string out = fmt::format("POST {} HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\n", path, kFields);
  for (std::size_t at = 0; at < body.size(); at += chunk) {
    const std::string_view piece = body.substr(at, chunk);
    out += fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
  }
  return out + "0\r\n\r\n";
}

}  // namespace sluice::load
