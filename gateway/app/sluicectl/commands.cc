#include "gateway/app/sluicectl/commands.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "gateway/app/sluicectl/failure.h"
#include "gateway/app/sluicectl/output.h"
#include "gateway/app/sluicectl/terminal.h"

namespace sluice::ctl {
namespace {

void write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Standard input for `-`.
std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path == "-" ? "/dev/stdin" : path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return std::nullopt;
  return std::move(text).str();
}

}  // namespace

int Commands::print(const Answer& answer, std::string (*table)(const JsonValue&)) const {
  if (format_ == Format::kJson) {
    write(answer.body);
    return kExitDone;
  }
  const auto json = JsonValue::parse(answer.body);
  if (!json) {
    std::fprintf(stderr, "sluicectl: the answer is no JSON: is this a gateway's admin address?\n");
    return kExitNoAnswer;
  }
  write(format_ == Format::kYaml ? to_yaml(*json) : table(*json));
  return kExitDone;
}

int Commands::show(Method method, std::string_view target, std::string (*table)(const JsonValue&),
                   std::string_view body) {
  const Result<Answer> answer = client_.ask(method, target, body);
  if (!answer) return no_answer(client_, answer.error());
  if (!answer->ok()) return refused(*answer);
  return print(*answer, table);
}

int Commands::show_text(std::string_view target) {
  const Result<Answer> answer = client_.ask(Method::kGet, target);
  if (!answer) return no_answer(client_, answer.error());
  if (answer->status == 401 || answer->status == 403) return refused(*answer);
  write(answer->body);
  return answer->ok() ? kExitDone : kExitNo;
}

int Commands::streams(const std::string& query, bool watch) {
  const std::string target = "/streams" + query;
  for (;;) {
    if (watch && on_terminal()) write("\x1b[H\x1b[J");
    const int status =
        show(Method::kGet, target, [](const JsonValue& page) { return streams_table(page, table_width()); });
    std::fflush(stdout);
    if (!watch || status != kExitDone) return status;
    wait_milliseconds(1000);
  }
}

int Commands::reload() {
  const Result<Answer> answer = client_.ask(Method::kPost, "/reload");
  if (!answer) return no_answer(client_, answer.error());
  // 409 has a report too.
  if (!answer->ok() && answer->status != 409) return refused(*answer);
  const int status = print(*answer, reload_table);
  if (status != kExitDone) return status;
  return answer->ok() ? kExitDone : kExitNo;
}

int Commands::diff(const std::string& path) {
  const auto text = read_file(path);
  if (!text) {
    std::fprintf(stderr, "sluicectl: cannot read %s: %s\n", path.c_str(), std::strerror(errno));
    return kExitUsage;
  }
  const Result<Answer> answer = client_.ask(Method::kPost, "/diff", *text);
  if (!answer) return no_answer(client_, answer.error());
  if (answer->status == 422) {
    (void)refused(*answer);
    return kExitUsage;
  }
  if (!answer->ok()) return refused(*answer);
  const int status = print(*answer, diff_table);
  if (status != kExitDone) return status;
  const auto json = JsonValue::parse(answer->body);
  return json && (*json)["changes"].items.empty() ? kExitDone : kExitNo;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").contains(c);
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace sluice::ctl
