#include "gateway/proxy/route_matcher.h"

#include <algorithm>
#include <array>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gateway/proxy/client_address.h"

namespace sluice {
namespace {

constexpr std::array kAllMethods{Method::kGet,    Method::kHead,  Method::kPost,   Method::kPut,
                                 Method::kDelete, Method::kPatch, Method::kOptions};
constexpr std::size_t kMaxHost = 255;  // RFC 1035 2.3.4
constexpr std::size_t kMaxQuotedModel = 256;

std::uint8_t bit(Method method) noexcept {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(method));
}

std::uint64_t hash(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

bool holds(const std::vector<std::string>& list, std::string_view text) noexcept {
  return std::ranges::find(list, text) != list.end();
}

bool path_fits(const RouteRule& rule, std::string_view path) {
  switch (rule.path_kind) {
    case PathKind::kExact:
      return path == rule.path;
    case PathKind::kPrefix:
      return path.starts_with(rule.path);
    case PathKind::kRegex:
      return rule.path_pattern->matches(path);
  }
  return false;
}

std::vector<PathIndex::Entry> paths_of(const std::vector<RouteRule>& rules) {
  std::vector<PathIndex::Entry> paths;
  paths.reserve(rules.size());
  for (const RouteRule& rule : rules)
    paths.push_back({rule.path_kind, rule.path});
  return paths;
}

std::vector<std::string> members_of(const std::vector<RouteRule>& rules) {
  std::vector<std::string> names;
  for (const RouteRule& rule : rules) {
    for (const MemberMatch& member : rule.members)
      names.push_back(member.name);
    names.insert(names.end(), rule.key_members.begin(), rule.key_members.end());
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace

// A request's head, and what rules compare of it, each made ready when the first rule asks for it.
class RouteMatcher::Subject {
 public:
  Subject(const RequestHead& request, std::string_view peer) : head(request), peer_(peer) {}
  Subject(const Subject&) = delete;

  std::string_view host() const {
    read_host();
    return {buffer_.data(), host_size_};
  }
  std::uint64_t host_hash() const {
    read_host();
    return host_hash_;
  }
  const std::optional<IpAddress>& client() const {
    if (!client_) client_.emplace(parse_ip_address(host_of_peer(peer_)));
    return *client_;
  }

  const RequestHead& head;

 private:
  void read_host() const {
    if (std::exchange(host_is_read_, true)) return;
    const std::string_view given = host_of_authority(head.authority());
    // A longer one is no host name; cut, it matches none either.
    host_size_ = std::min(given.size(), buffer_.size());
    std::ranges::transform(given.substr(0, host_size_), buffer_.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    host_hash_ = hash({buffer_.data(), host_size_});
  }

  std::string_view peer_;
  mutable std::optional<std::optional<IpAddress>> client_;
  mutable bool host_is_read_ = false;
  mutable std::size_t host_size_ = 0;
  mutable std::uint64_t host_hash_ = 0;
  mutable std::array<char, kMaxHost + 1> buffer_;  // set up to host_size_
};

RouteMatcher::RouteMatcher(std::vector<RouteRule> rules)
    : rules_(std::move(rules)), paths_(paths_of(rules_)), members_(members_of(rules_)) {
  summaries_.reserve(rules_.size());
  for (const RouteRule& rule : rules_) {
    summaries_.push_back(summarize(rule));
  }
  for (std::size_t i = 0; i < paths_.size(); ++i)
    candidates_.push_back(divide(paths_[i]));
}

RouteMatcher::PathCandidates RouteMatcher::divide(std::span<const std::uint32_t> candidates) const {
  const auto key_if = [](bool one, std::uint64_t key) { return one ? std::optional(key) : std::nullopt; };
  PathCandidates divided{KeyedLists(candidates, [&](std::uint32_t route) {
    return key_if(summaries_[route].one_host, summaries_[route].host_hash);
  })};
  for (std::size_t i = 0; i < divided.by_host.size(); ++i) {
    divided.by_model.emplace_back(divided.by_host[i], [&](std::uint32_t route) {
      return key_if(summaries_[route].one_model, summaries_[route].model_hash);
    });
  }
  return divided;
}

RouteMatcher::Summary RouteMatcher::summarize(const RouteRule& rule) {
  Summary s;
  for (const Method method : kAllMethods) {
    if (rule.methods.empty() || std::ranges::find(rule.methods, method) != rule.methods.end())
      s.methods |= bit(method);
  }
  s.one_host = rule.hosts.size() == 1 && !rule.hosts.front().is_wildcard();
  if (s.one_host) s.host_hash = hash(rule.hosts.front().text());
  s.more_of_head = rule.path_kind == PathKind::kRegex || (!rule.hosts.empty() && !s.one_host) ||
                   !rule.headers.empty() || !rule.query.empty() || !rule.clients.empty();
  s.one_model = rule.models.size() == 1;
  if (s.one_model) s.model_hash = hash(rule.models.front());
  s.more_of_body = rule.models.size() > 1 || rule.stream || !rule.members.empty();
  s.asks_for_body = rule.asks_for_body();
  s.needs_body = s.asks_for_body || rule.edits_body || !rule.key_members.empty();
  return s;
}

RouteMatcher::Unmet RouteMatcher::unmet_of_head(const RouteRule& rule, const Subject& subject) {
  if (!rule.hosts.empty() &&
      std::ranges::none_of(rule.hosts, [&](const HostPattern& h) { return h.matches(subject.host()); }))
    return {"host"};
  for (const FieldMatch& field : rule.headers) {
    if (!field.matches_header(subject.head.headers)) return {"header", field.name};
  }
  for (const FieldMatch& field : rule.query) {
    if (!field.matches_query(subject.head.query())) return {"query", field.name};
  }
  if (!rule.clients.empty() && std::ranges::none_of(rule.clients, [&](const IpNetwork& network) {
        return subject.client() && network.contains(*subject.client());
      }))
    return {"client"};
  if (!path_fits(rule, subject.head.path())) return {"path"};
  return {};
}

RouteMatcher::Unmet RouteMatcher::unmet_of_body(const RouteRule& rule, const llm::RequestView& body) const {
  if (!rule.models.empty() && !holds(rule.models, body.model.view())) return {"model"};
  if (rule.stream && *rule.stream != body.stream) return {"stream"};
  for (const MemberMatch& wanted : rule.members) {
    const auto at =
        static_cast<std::size_t>(std::ranges::lower_bound(members_, wanted.name) - members_.begin());
    const bool fits = at < body.members.size() && body.members[at].is_scalar &&
                      holds(wanted.values, body.members[at].text.view());
    if (!fits) return {"member", wanted.name};
  }
  return {};
}

bool RouteMatcher::allows_but_for_method(std::uint32_t index, const Subject& subject) const {
  const Summary& s = summaries_[index];
  if (s.one_host && s.host_hash != subject.host_hash()) return false;
  // A hash alone is no proof.
  if (s.one_host && !s.more_of_head) return rules_[index].hosts.front().matches(subject.host());
  return !s.more_of_head || unmet_of_head(rules_[index], subject).kind.empty();
}

bool RouteMatcher::takes_body(std::uint32_t index, const llm::RequestView& body,
                              std::uint64_t model_hash) const {
  const Summary& s = summaries_[index];
  if (s.one_model && s.model_hash != model_hash) return false;
  if (s.one_model && !s.more_of_body) return rules_[index].models.front() == body.model.view();
  return !s.more_of_body || unmet_of_body(rules_[index], body).kind.empty();
}

Result<RouteMatcher::HeadMatch> RouteMatcher::match(const RequestHead& head, std::string_view peer) const {
  const Subject subject(head, peer);
  const std::uint8_t method = bit(head.method);
  const PathCandidates& path = candidates_[paths_.find(head.path())];
  // The host is not read where no route asks for it.
  const std::size_t list = path.by_host.is_whole() ? 0 : path.by_host.find(subject.host_hash());
  const std::span<const std::uint32_t> candidates = path.by_host[list];
  bool method_is_in_the_way = false;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::uint32_t index = candidates[i];
    const Summary& s = summaries_[index];
    const bool takes_method = (s.methods & method) != 0;
    if ((!takes_method && method_is_in_the_way) || !allows_but_for_method(index, subject)) continue;
    if (takes_method)
      return HeadMatch{index, s.needs_body, rules_[index].lenient_body, candidates.subspan(i),
                       &path.by_model[list]};
    method_is_in_the_way = true;
  }
  if (method_is_in_the_way)
    return fail(ErrorKind::kMethodNotAllowed, "no route takes this method at this path");
  return fail(ErrorKind::kRouteNotFound, "no route matches this request");
}

Result<std::size_t> RouteMatcher::match(const HeadMatch& head_match, const RequestHead& head,
                                        std::string_view peer, const llm::RequestView* body) const {
  if (!summaries_[head_match.first].asks_for_body) return head_match.first;
  const Subject subject(head, peer);
  const std::string_view model = body != nullptr ? body->model.view() : std::string_view();
  const std::uint64_t model_hash = hash(model);
  const KeyedLists& by_model = *head_match.by_model;
  for (const std::uint32_t index : by_model[by_model.find(model_hash)]) {
    const Summary& s = summaries_[index];
    if (index < head_match.first || (s.methods & bit(head.method)) == 0) continue;
    if (s.asks_for_body && (body == nullptr || !takes_body(index, *body, model_hash))) continue;
    if (allows_but_for_method(index, subject)) return index;
  }
  return no_route(head_match, subject, model);
}

std::unexpected<Error> RouteMatcher::no_route(const HeadMatch& head_match, const Subject& subject,
                                              std::string_view model) const {
  bool asks_for_model = false;
  for (const std::uint32_t index : head_match.rest) {
    const RouteRule& rule = rules_[index];
    if ((summaries_[index].methods & bit(subject.head.method)) == 0 || rule.models.empty() ||
        !allows_but_for_method(index, subject))
      continue;
    // The model is known, so that something else of the body is in the way.
    if (holds(rule.models, model)) return fail(ErrorKind::kRouteNotFound, "no route matches this request");
    asks_for_model = true;
  }
  if (!asks_for_model) return fail(ErrorKind::kRouteNotFound, "no route matches this request's body");
  Error error{model.empty() ? ErrorKind::kInvalidBody : ErrorKind::kModelNotFound,
              model.empty()
                  ? "you must provide a model parameter"
                  : "The model `" + std::string(model.substr(0, kMaxQuotedModel)) + "` does not exist."};
  error.set_param("model");
  return fail(std::move(error));
}

std::string RouteMatcher::allowed_methods(const RequestHead& head, std::string_view peer) const {
  const Subject subject(head, peer);
  std::uint8_t methods = 0;
  for (const std::uint32_t index : paths_[paths_.find(head.path())]) {
    if (allows_but_for_method(index, subject)) methods |= summaries_[index].methods;
  }
  std::string list;
  for (const Method method : kAllMethods) {
    if ((methods & bit(method)) == 0) continue;
    if (!list.empty()) list += ", ";
    list += name(method);
  }
  return list;
}

bool RouteMatcher::allows(std::size_t index, const RequestHead& head, std::string_view peer) const {
  if ((summaries_[index].methods & bit(head.method)) == 0) return false;
  return unmet_of_head(rules_[index], Subject(head, peer)).kind.empty();
}

std::optional<std::string> RouteMatcher::mismatch(std::size_t index, const RequestHead& head,
                                                  std::string_view peer, const llm::RequestView* body) const {
  const RouteRule& rule = rules_[index];
  Unmet unmet;
  if (!path_fits(rule, head.path())) {
    unmet = {"path"};
  } else if ((summaries_[index].methods & bit(head.method)) == 0) {
    unmet = {"method"};
  } else {
    unmet = unmet_of_head(rule, Subject(head, peer));
    if (unmet.kind.empty() && rule.asks_for_body())
      unmet = body != nullptr ? unmet_of_body(rule, *body) : Unmet{"body"};
  }
  if (unmet.kind.empty()) return std::nullopt;
  std::string text(unmet.kind);
  if (!unmet.name.empty()) text.append(" ").append(unmet.name);
  return text;
}

}  // namespace sluice
