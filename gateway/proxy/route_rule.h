#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gateway/base/ip_network.h"
#include "gateway/base/pattern.h"
#include "gateway/http/head.h"
#include "gateway/proxy/field_match.h"
#include "gateway/proxy/host_pattern.h"
#include "gateway/proxy/path_index.h"

namespace sluice {

// A condition on a top-level member of the JSON body: a string of that text, or a number or boolean that is
// spelled so.
struct MemberMatch {
  std::string name;
  std::vector<std::string> values;
};

// What a request must look like to take a route. Empty lists match anything.
struct RouteRule {
  using PathKind = sluice::PathKind;
  PathKind path_kind = PathKind::kPrefix;
  std::string path = "/";                    // kExact, kPrefix
  std::optional<Pattern> path_pattern = {};  // kRegex

  std::vector<Method> methods = {};
  std::vector<HostPattern> hosts = {};
  std::vector<FieldMatch> headers = {};  // all of them
  std::vector<FieldMatch> query = {};    // all of them
  std::vector<IpNetwork> clients = {};

  std::vector<std::string> models = {};
  std::optional<bool> stream = {};
  std::vector<MemberMatch> members = {};  // all of them

  // The route changes the body's model, whatever its rule asks for.
  bool edits_body = false;
  // Members of the body that the route's clusters choose an endpoint by.
  std::vector<std::string> key_members = {};
  // The route's requests are not OpenAI's: what their bodies have is not judged.
  bool lenient_body = false;

  bool asks_for_body() const noexcept { return !models.empty() || stream || !members.empty(); }
};

}  // namespace sluice
