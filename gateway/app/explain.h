#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "gateway/base/result.h"
#include "gateway/http/head.h"

namespace sluice {

// A request that nobody sends: what would become of it is explained.
struct ImaginedRequest {
  std::string line = {};  // `POST /v1/chat/completions?x=1`
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string client = "127.0.0.1";  // its IP address
  std::string body = {};             // empty: none
};

// Which route takes the request, what happens to it there, and for each route before it the first condition
// that it does not meet, as a JSON object on one line. A request that no route takes is explained too, with
// the error that its client would get. An error says what is wrong with the request itself. Asks the same
// matcher as the gateway; nothing is sent. Threads: any.
Result<std::string> explain_json(const config::Config& config, const ImaginedRequest& request);

}  // namespace sluice
