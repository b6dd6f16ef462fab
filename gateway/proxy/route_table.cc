#include "gateway/proxy/route_table.h"

#include <algorithm>
#include <array>

namespace sluice {
namespace {

constexpr std::array kAllMethods{Method::kGet,    Method::kHead,  Method::kPost,   Method::kPut,
                                 Method::kDelete, Method::kPatch, Method::kOptions};

bool path_matches(const RouteRule& rule, std::string_view path) noexcept {
  return rule.path_kind == RouteRule::PathKind::kExact ? path == rule.path : path.starts_with(rule.path);
}

bool method_matches(const RouteRule& rule, Method method) noexcept {
  return rule.methods.empty() || std::ranges::find(rule.methods, method) != rule.methods.end();
}

}  // namespace

bool RouteRule::matches_head(const RequestHead& head) const noexcept {
  return path_matches(*this, head.path()) && method_matches(*this, head.method);
}

bool RouteRule::matches_model(std::string_view model) const noexcept {
  return models.empty() || std::ranges::find(models, model) != models.end();
}

Result<RouteTable::HeadMatch> RouteTable::match(const RequestHead& head) const {
  bool path_known = false;
  HeadMatch found{routes_.size(), false};
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    const RouteRule& rule = routes_[i].rule;
    if (!path_matches(rule, head.path())) continue;
    path_known = true;
    if (!method_matches(rule, head.method)) continue;
    if (found.first == routes_.size()) found.first = i;
    if (rule.models.empty()) return found;  // no later route can win
    found.needs_model = true;
  }
  if (found.first != routes_.size()) return found;
  if (path_known) return fail(ErrorKind::kMethodNotAllowed, "no route takes this method at this path");
  return fail(ErrorKind::kRouteNotFound, "no route matches this path");
}

std::string RouteTable::allowed_methods(const RequestHead& head) const {
  std::string list;
  for (const Method method : kAllMethods) {
    const bool taken = std::ranges::any_of(routes_, [&](const Route& r) {
      return path_matches(r.rule, head.path()) && method_matches(r.rule, method);
    });
    if (!taken) continue;
    if (!list.empty()) list += ", ";
    list += name(method);
  }
  return list;
}

Result<const Route*> RouteTable::match(const HeadMatch& head_match, const RequestHead& head,
                                       std::string_view model) const {
  for (std::size_t i = head_match.first; i < routes_.size(); ++i) {
    if (routes_[i].rule.matches_head(head) && routes_[i].rule.matches_model(model)) return &routes_[i];
  }
  if (model.empty()) {
    Error error{ErrorKind::kInvalidBody, "you must provide a model parameter"};
    error.param = "model";
    return fail(std::move(error));
  }
  Error error{ErrorKind::kModelNotFound,
              "The model `" + std::string(model.substr(0, 256)) + "` does not exist."};
  error.param = "model";
  return fail(std::move(error));
}

}  // namespace sluice
