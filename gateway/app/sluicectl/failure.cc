#include "gateway/app/sluicectl/failure.h"

#include <cstdio>
#include <string>

#include "gateway/app/sluicectl/json_value.h"
#include "gateway/app/sluicectl/output.h"

namespace sluice::ctl {

int no_answer(const AdminClient& client, const Error& error) {
  std::fprintf(
      stderr,
      "sluicectl: no answer from %s: %s\n"
      "  Does the gateway run, and is this its admin.address or admin.socket? --admin says another.\n",
      client.admin().to_string().c_str(), error.detail().c_str());
  return kExitNoAnswer;
}

int refused(const Answer& answer) {
  if (answer.status == 401) {
    std::fprintf(stderr,
                 "sluicectl: the gateway asks for its admin.token, and this is not it\n"
                 "  Give it with --token-file FILE or in SLUICE_ADMIN_TOKEN, or use --admin unix:PATH.\n");
    return kExitRefused;
  }
  const auto json = JsonValue::parse(answer.body);
  std::string why = json ? (*json)["error"].plain() : answer.body.substr(0, answer.body.find('\n'));
  // An error of the protocol has OpenAI's shape.
  if (json && why.empty()) why = (*json)["error"]["message"].plain();
  std::fprintf(stderr, "sluicectl: %s\n", why.empty() ? "the gateway says no" : printable(why).c_str());
  if (json) {
    for (const JsonValue& problem : (*json)["problems"].items)
      std::fprintf(stderr, "%s\n", problem.text.c_str());
  }
  if (answer.status == 403) {
    std::fprintf(stderr, "  Use --admin unix:PATH on the gateway's machine, or configure admin.token.\n");
    return kExitRefused;
  }
  return kExitNo;
}

}  // namespace sluice::ctl
