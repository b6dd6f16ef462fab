#include "gateway/app/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "config/units.h"
#include "gateway/app/route_rules.h"
#include "gateway/base/ip_network.h"
#include "gateway/base/json_escape.h"
#include "gateway/http/target.h"
#include "gateway/llm/request_view.h"

namespace sluice {
namespace {

constexpr std::size_t kMaxBody = 16 << 20;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  json_escape(text, out);
  out.push_back('"');
  return out;
}

template <class List, class Print>
std::string array_of(const List& list, Print print) {
  std::string out = "[";
  for (const auto& item : list)
    out += (out.size() > 1 ? "," : "") + print(item);
  return out + "]";
}

std::string texts(const std::vector<std::string>& list) {
  return array_of(list, [](const std::string& text) { return quoted(text); });
}

std::string named_values(const std::vector<config::NamedValue>& list) {
  return array_of(list, [](const config::NamedValue& item) {
    return fmt::format(R"({{"name":{},"value":{}}})", quoted(item.name), quoted(item.value));
  });
}

std::string header_edits(const config::HeaderEdits& edits) {
  return fmt::format(R"({{"remove":{},"set":{},"add":{}}})", texts(edits.remove), named_values(edits.set),
                     named_values(edits.add));
}

std::string optional_text(const std::optional<std::string>& text) {
  return text ? quoted(*text) : "null";
}

std::string targets(const std::vector<config::WeightedCluster>& clusters) {
  std::uint64_t sum = 0;
  for (const config::WeightedCluster& c : clusters)
    sum += c.weight;
  return array_of(clusters, [sum](const config::WeightedCluster& c) {
    return fmt::format(R"({{"cluster":{},"share":{:.4g},"served_as":{},"tags":{}}})", quoted(c.name),
                       static_cast<double>(c.weight) / static_cast<double>(sum), optional_text(c.served_as),
                       texts(c.tags));
  });
}

std::string action(const config::Route& route) {
  if (route.respond) return fmt::format(R"("respond":{{"status":{}}})", route.respond->status);
  if (route.redirect) {
    const config::Redirect& r = *route.redirect;
    return fmt::format(R"("redirect":{{"status":{},"scheme":{},"host":{},"path":{},"path_prefix":{}}})",
                       r.status, optional_text(r.scheme), optional_text(r.host), optional_text(r.path),
                       optional_text(r.path_prefix));
  }
  if (route.list_models) return R"("list_models":true)";
  const config::RequestEdits& edits = route.request;
  return fmt::format(
      R"("targets":{},"request":{{"path_prefix":{},"host":{},"headers":{},"query":{{"remove":{},"set":{}}}}})",
      targets(route.clusters), optional_text(edits.path_prefix), optional_text(edits.host),
      header_edits(edits.headers), texts(edits.query.remove), named_values(edits.query.set));
}

std::string duration(config::Duration value) {
  return quoted(config::format_duration(value.count()));
}

std::string explain_route(const config::Route& route) {
  const config::Timeouts& t = route.timeouts;
  return fmt::format(R"("route":{},"api":"{}",{},"response":{{"headers":{}}},"attempts":{},)"
                     R"("timeouts":{{"connect":{},"first_content":{},"between_tokens":{},"total":{}}})",
                     quoted(route.name), route.api == config::Route::Api::kHttp ? "http" : "openai",
                     action(route), header_edits(route.response.headers), route.retry.attempts,
                     duration(t.connect), duration(t.first_content), duration(t.between_tokens),
                     duration(t.total));
}

std::string explain_error(const Error& error) {
  const ErrorTraits& t = traits(error.kind);
  return fmt::format(R"("route":null,"error":{{"kind":"{}","status":{},"detail":{}}})", t.name, t.status,
                     quoted(error.detail()));
}

Result<RequestHead> head_of(const ImaginedRequest& request) {
  const std::string_view line = request.line;
  const std::size_t space = line.find(' ');
  const auto method = parse_method(line.substr(0, space));
  if (!method || space == std::string_view::npos)
    return fail(ErrorKind::kMalformedRequest,
                "the request must be a method and a path: POST /v1/completions");
  std::string rewritten;
  Result<Target> target = parse_target(line.substr(space + 1), rewritten);
  if (!target) return fail(std::move(target.error()));
  RequestHead head;
  head.method = *method;
  std::string authority(target->authority.empty() ? std::string_view("localhost") : target->authority);
  for (const auto& [name, value] : request.headers) {
    const bool control =
        std::ranges::any_of(name + value, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (name.empty() || control) return fail(ErrorKind::kMalformedRequest, "a header must be NAME: VALUE");
    if (header_id(name) == HeaderId::kHost && target->authority.empty()) authority = value;
    if (header_id(name) != HeaderId::kHost) head.headers.add(name, value);
  }
  head.set_authority(authority);
  head.set_target(target->path, target->query);
  return head;
}

// The index of the route, once the body has been read as the gateway would.
Result<std::size_t> find_route(const RouteMatcher& matcher, const RequestHead& head, std::string_view peer,
                               const llm::BodyBuffer& body, std::optional<llm::RequestView>& view) {
  const auto by_head = matcher.match(head, peer);
  if (!by_head) return fail(by_head.error());
  if (by_head->needs_body && body.size() > 0) {
    llm::RequestParser parser;
    Result<llm::RequestView> parsed =
        parser.parse(body, {.members = matcher.members(), .lenient = by_head->lenient_body});
    if (!parsed) return fail(std::move(parsed.error()));
    view = std::move(*parsed);
  }
  return matcher.match(*by_head, head, peer, view ? &*view : nullptr);
}

}  // namespace

Result<std::string> explain_json(const config::Config& config, const ImaginedRequest& request) {
  const Result<RequestHead> head = head_of(request);
  if (!head) return fail(head.error());
  if (!parse_ip_address(request.client))
    return fail(ErrorKind::kMalformedRequest, "the client must be an IP address");
  const std::string peer =
      request.client.contains(':') ? "[" + request.client + "]:0" : request.client + ":0";
  llm::BodyBuffer body(kMaxBody);
  if (Result<void> kept = body.append(request.body); !kept) return fail(std::move(kept.error()));

  const std::shared_ptr<const RouteMatcher> matcher = compile_routes(config);
  std::optional<llm::RequestView> view;
  const Result<std::size_t> found = find_route(*matcher, *head, peer, body, view);
  std::string out = "{" + (found ? explain_route(config.routes[*found]) : explain_error(found.error()));
  out += ",\"passed_over\":[";
  const std::size_t end = found ? *found : matcher->size();
  for (std::size_t i = 0; i < end; ++i) {
    const auto reason = matcher->mismatch(i, *head, peer, view ? &*view : nullptr);
    out += fmt::format(R"({}{{"route":{},"because_of":{}}})", i > 0 ? "," : "", quoted(config.routes[i].name),
                       quoted(reason.value_or("body")));
  }
  return out + "]}";
}

}  // namespace sluice
