#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::fuzz {

// A whole HTTP/1.1 request as it stands on the wire.
struct Http1Message {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;       // decoded
  std::size_t bytes = 0;  // of all of it
};

// The first request of `bytes`, as our strict parser and Boost.Beast read it; nullopt while it is incomplete
// for both. Aborts where one of them refuses it or they disagree.
std::optional<Http1Message> first_request(std::string_view bytes);

}  // namespace sluice::fuzz
