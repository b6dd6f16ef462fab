#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/llm/request_view.h"
#include "gateway/proxy/keyed_lists.h"
#include "gateway/proxy/path_index.h"
#include "gateway/proxy/route_rule.h"

namespace sluice {

// Finds the first route whose rule a request follows, in two stages: what the head tells, before a byte of
// the body is read, and then, where the first route that the head allows asks for it, what the body tells.
// Compiled once for a configuration and shared by all threads: immutable. A match allocates nothing, unless
// an escaped query parameter is asked for.
class RouteMatcher {
 public:
  explicit RouteMatcher(std::vector<RouteRule> rules);

  struct HeadMatch {
    std::size_t first = 0;    // the first route that the head allows
    bool needs_body = false;  // it asks for something in the body, or uses it otherwise
    bool lenient_body = false;
    std::span<const std::uint32_t> rest = {};  // the routes that may match, from `first` on
    // The same and those before, by their models. Lives as long as the matcher.
    const KeyedLists* by_model = nullptr;
  };
  // `peer`: the client's address, with or without port. kRouteNotFound, or kMethodNotAllowed when only the
  // method is in the way.
  Result<HeadMatch> match(const RequestHead& head, std::string_view peer) const;

  // The route, once the body is known; `body` is null where there is none, and has the members() that were
  // asked for. kInvalidBody when a model is needed and none is named, kModelNotFound when no route has it,
  // else kRouteNotFound.
  Result<std::size_t> match(const HeadMatch& head_match, const RequestHead& head, std::string_view peer,
                            const llm::RequestView* body) const;

  // The methods that some route takes from this head otherwise, as a list for Allow.
  std::string allowed_methods(const RequestHead& head, std::string_view peer) const;

  // The first condition of a rule that a request does not meet, as an operator would name it: `method`,
  // `header x-tier`, `model`. nullopt: it meets all.
  std::optional<std::string> mismatch(std::size_t index, const RequestHead& head, std::string_view peer,
                                      const llm::RequestView* body) const;

  // Does the head allow the route?
  bool allows(std::size_t index, const RequestHead& head, std::string_view peer) const;

  // The members of the body that some rule asks for or uses, sorted: what a RequestParser is to keep.
  const std::vector<std::string>& members() const noexcept { return members_; }
  const RouteRule& operator[](std::size_t index) const noexcept { return rules_[index]; }
  std::size_t size() const noexcept { return rules_.size(); }

 private:
  class Subject;

  // What most rules consist of, close together: the first look at a candidate touches nothing else.
  struct Summary {
    std::uint64_t model_hash = 0;  // of the only model
    std::uint64_t host_hash = 0;   // of the only host, if it is no wildcard
    std::uint8_t methods = 0;      // bits by Method; all of them for any
    bool one_model = false;
    bool one_host = false;
    bool more_of_head = false;  // conditions beside path, method and one host
    bool more_of_body = false;  // conditions beside one model
    bool asks_for_body = false;
    bool needs_body = false;
  };

  // A condition that is not met, by its kind and, for one of several, its name; no kind: all are met.
  struct Unmet {
    std::string_view kind = {};
    std::string_view name = {};
  };

  // The candidates of one path by host, and each of these lists by model.
  struct PathCandidates {
    KeyedLists by_host;
    std::vector<KeyedLists> by_model = {};
  };

  PathCandidates divide(std::span<const std::uint32_t> candidates) const;
  static Summary summarize(const RouteRule& rule);
  static Unmet unmet_of_head(const RouteRule& rule, const Subject& subject);
  Unmet unmet_of_body(const RouteRule& rule, const llm::RequestView& body) const;
  bool allows_but_for_method(std::uint32_t index, const Subject& subject) const;
  bool takes_body(std::uint32_t index, const llm::RequestView& body, std::uint64_t model_hash) const;
  std::unexpected<Error> no_route(const HeadMatch& head_match, const Subject& subject,
                                  std::string_view model) const;

  std::vector<RouteRule> rules_;
  PathIndex paths_;
  std::vector<std::string> members_;
  std::vector<Summary> summaries_;
  std::vector<PathCandidates> candidates_;  // by the lists of paths_
};

}  // namespace sluice
