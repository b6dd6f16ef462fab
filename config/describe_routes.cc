#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "config/describe.h"
#include "config/units.h"
#include "gateway/base/ip_network.h"
#include "gateway/base/pattern.h"

// Which requests go where, and what is done to them on the way.
namespace sluice::config {

using namespace std::chrono_literals;
using namespace std::string_view_literals;

constexpr std::size_t kMaxNames = 256;
constexpr std::size_t kMaxConditions = 32;
constexpr std::size_t kMaxEdits = 64;

static auto choices(Route::Api /*type*/) {
  return std::array{"openai"sv, "http"sv};
}

// Reports an expression that RE2 does not compile, with its word on it.
static void check_pattern(const std::optional<std::string>& regex, const Scope& scope) {
  if (!regex || !scope.usable("regex")) return;
  if (const auto compiled = Pattern::compile(*regex); !compiled)
    scope.error("regex",
                fmt::format("is no regular expression that RE2 takes: {}", compiled.error().detail()));
}

// Fields whose meaning is the connection or the framing of one message. The gateway writes them itself:
// another value would make the two sides read different messages (RFC 9110 7.6.1, RFC 9112 6).
static bool frames_a_message(std::string_view name) {
  static constexpr std::array kNames{"connection"sv, "content-length"sv,   "expect"sv, "host"sv,
                                     "keep-alive"sv, "proxy-connection"sv, "te"sv,     "trailer"sv,
                                     "upgrade"sv,    "transfer-encoding"sv};
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::any_of(
      kNames, [&](std::string_view known) { return std::ranges::equal(name, known, {}, lower); });
}

static void check_edited_name(const std::string& name, std::string_view place, const Scope& scope) {
  if (!frames_a_message(name)) return;
  scope.error(place, fmt::format("cannot be {}: the gateway writes it itself; {}", name,
                                 name.size() == 4 ? "use request.host to replace the host" : "leave it out"));
}

template <class Item>
static bool has_weight(const std::vector<Item>& items) {
  return std::ranges::any_of(items, [](const Item& item) { return item.weight > 0; });
}

static void describe(Fields<PathMatch>& f) {
  f.about("PathMatch", "The path of a request, without its query. Exactly one of the keys.");
  f.add("exact", &PathMatch::exact, "The whole path.").rule(kPathText);
  f.add("prefix", &PathMatch::prefix, "The start of the path, byte for byte: `/v1` also matches `/v10`.")
      .rule(kPathText);
  f.add("regex", &PathMatch::regex,
        "A regular expression for the whole path, in RE2's syntax, which takes linear time.");
  f.check([](const PathMatch& path, const Scope& scope) {
    if (!scope.usable("exact") || !scope.usable("prefix") || !scope.usable("regex")) return;
    if (path.exact && path.prefix) {
      scope.error("prefix", "cannot stand beside exact; keep one of the two");
    } else if (path.regex && (path.exact || path.prefix)) {
      scope.error("regex", "cannot stand beside exact or prefix; keep one of them");
    } else if (!path.exact && !path.prefix && !path.regex) {
      scope.error("", "needs one of exact, prefix and regex");
    }
    check_pattern(path.regex, scope);
  });
}

static void describe(Fields<FieldMatch>& f) {
  f.about("FieldMatch",
          "A request header, or a parameter of the query. With only a name it need just be there.");
  f.add("name", &FieldMatch::name, "Its name; case does not matter for a header.")
      .required()
      .rule(kModelText);
  f.add("exact", &FieldMatch::exact, "The whole value.");
  f.add("prefix", &FieldMatch::prefix, "The start of the value.");
  f.add("regex", &FieldMatch::regex, "A regular expression (RE2) for the whole value.");
  f.add("present", &FieldMatch::present, "`false`: it must not be there.");
  f.check([](const FieldMatch& match, const Scope& scope) {
    const int given = int{match.exact.has_value()} + int{match.prefix.has_value()} +
                      int{match.regex.has_value()} + int{match.present.has_value()};
    if (given > 1) scope.error("", "takes at most one of exact, prefix, regex and present; keep one of them");
    check_pattern(match.regex, scope);
  });
}

// The condition could not be met: the field has been dealt with before a route is looked for.
static void check_matched_header(const std::string& name, std::string_view place, const Scope& scope) {
  if (!frames_a_message(name)) return;
  scope.error(place, fmt::format("cannot be {}: routes do not see it; {}", name,
                                 name.size() == 4 ? "use match.hosts to match the host" : "leave it out"));
}

static void describe(Fields<MemberMatch>& f) {
  f.about("MemberMatch", "A top-level member of the JSON body.");
  f.add("name", &MemberMatch::name, "Its name.").required().rule(kModelText);
  f.add("values", &MemberMatch::values,
        "Its value is one of these: a text, or a number or boolean as JSON spells it.")
      .required()
      .items(1, kMaxNames)
      .one_or_many();
}

static void describe(Fields<Match>& f) {
  f.about("Match", "Which requests a route takes: those that everything given here fits.");
  f.add("path", &Match::path, "The path of the request.").required();
  f.add("model", &Match::model,
        "The model that the request asks for, or a list of models. Left out: any, also none.")
      .items(0, kMaxNames)
      .one_or_many()
      .rule(kModelText);
  f.add("methods", &Match::methods, "HTTP methods. Left out: any.").items(0, kMaxNames).rule(kMethodText);
  f.add("hosts", &Match::hosts, "Host names without port, `*.example.org` for any below it. Left out: any.")
      .items(0, kMaxNames)
      .one_or_many()
      .rule(kHostPatternText);
  f.add("headers", &Match::headers, "Request headers; all of them must fit.").items(0, kMaxConditions);
  f.add("query", &Match::query, "Parameters of the query; all of them must fit.").items(0, kMaxConditions);
  f.add("clients", &Match::clients, "Networks of which one holds the client's address. Left out: any.")
      .items(0, kMaxNames)
      .one_or_many();
  f.add("stream", &Match::stream, "Whether the JSON body asks for a stream. Left out: either.");
  f.add("members", &Match::members, "Members of the JSON body; all of them must fit.")
      .items(0, kMaxConditions);
  f.check([](const Match& match, const Scope& scope) {
    check_networks(match.clients, scope, "clients");
    for (std::size_t i = 0; i < match.headers.size(); ++i)
      check_matched_header(match.headers[i].name, fmt::format("headers[{}].name", i), scope);
  });
}

static void describe(Fields<WeightedCluster>& f) {
  f.about("WeightedCluster", "A cluster and its share of a route's requests.");
  f.add("name", &WeightedCluster::name, "The name of a cluster.").required().rule(kNameText);
  f.add("weight", &WeightedCluster::weight,
        "Its share relative to the route's other clusters; 0 sends it nothing.")
      .range(0, kMaxWeight);
  f.add("served_as", &WeightedCluster::served_as,
        "The model's name at this cluster. The body's `model` is replaced by it, every other byte stays.")
      .rule(kModelText);
  f.add("tags", &WeightedCluster::tags, "Only endpoints that have all of these tags.")
      .items(0, kMaxNames)
      .rule(kNameText);
}

static void describe(Fields<NamedValue>& f) {
  f.about("NamedValue", "A name and a value.");
  f.add("name", &NamedValue::name, "The name.").required().rule(kFieldNameText);
  f.add("value", &NamedValue::value, "The value.").required();
}

static void describe(Fields<HeaderEdits>& f) {
  f.about("HeaderEdits", "Changes of headers: first `remove`, then `set`, then `add`.");
  f.add("remove", &HeaderEdits::remove, "Names; every field of that name goes.")
      .items(0, kMaxEdits)
      .rule(kFieldNameText);
  f.add("set", &HeaderEdits::set, "Replaces every field of that name.").items(0, kMaxEdits);
  f.add("add", &HeaderEdits::add, "Added beside those that are there.").items(0, kMaxEdits);
  f.check([](const HeaderEdits& edits, const Scope& scope) {
    for (std::size_t i = 0; i < edits.remove.size(); ++i)
      check_edited_name(edits.remove[i], fmt::format("remove[{}]", i), scope);
    for (std::size_t i = 0; i < edits.set.size(); ++i)
      check_edited_name(edits.set[i].name, fmt::format("set[{}].name", i), scope);
    for (std::size_t i = 0; i < edits.add.size(); ++i)
      check_edited_name(edits.add[i].name, fmt::format("add[{}].name", i), scope);
  });
}

static void describe(Fields<QueryEdits>& f) {
  f.about("QueryEdits", "Changes of the query: first `remove`, then `set`.");
  f.add("remove", &QueryEdits::remove, "Names; every parameter of that name goes.")
      .items(0, kMaxEdits)
      .rule(kFieldNameText);
  f.add("set", &QueryEdits::set, "Replaces every parameter of that name.").items(0, kMaxEdits);
}

static void describe(Fields<RequestEdits>& f) {
  f.about("RequestEdits", "What is changed before a request goes to a backend.");
  f.add("path_prefix", &RequestEdits::path_prefix, "Replaces the part of the path that `match.path` names.")
      .rule(kPathText);
  f.add("host", &RequestEdits::host, "Replaces the host that the client asked for.").rule(kAuthorityText);
  f.add("headers", &RequestEdits::headers, "Changes of its headers.");
  f.add("query", &RequestEdits::query, "Changes of its query.");
}

static void describe(Fields<ResponseEdits>& f) {
  f.about("ResponseEdits", "What is changed before an answer goes to the client.");
  f.add("headers", &ResponseEdits::headers, "Changes of its headers.");
}

static void describe(Fields<DirectAnswer>& f) {
  f.about("DirectAnswer", "An answer that the gateway gives itself.");
  f.add("status", &DirectAnswer::status, "The status.").range(200, 599);
  f.add("content_type", &DirectAnswer::content_type, "The type of the body.");
  f.add("body", &DirectAnswer::body, "The body; left out: none.");
  f.check([](const DirectAnswer& answer, const Scope& scope) {
    // RFC 9110 15.3.5, 15.4.5.
    if (answer.body && (answer.status == 204 || answer.status == 304))
      scope.error("body", fmt::format("cannot stand beside status {}, whose answers have none; leave it out",
                                      answer.status));
  });
}

static void describe(Fields<Redirect>& f) {
  f.about("Redirect", "Sends the client elsewhere. What is left out stays as in the request, the query too.");
  f.add("status", &Redirect::status, "301, 302, 303, 307 or 308.").range(301, 308);
  f.add("scheme", &Redirect::scheme, "`http` or `https`.").rule(kSchemeText);
  f.add("host", &Redirect::host, "The host, with a port if need be.").rule(kAuthorityText);
  f.add("path", &Redirect::path, "The whole path.").rule(kPathText);
  f.add("path_prefix", &Redirect::path_prefix, "Replaces the part of the path that `match.path` names.")
      .rule(kPathText);
  f.check([](const Redirect& redirect, const Scope& scope) {
    if (scope.usable("status") && redirect.status >= 304 && redirect.status <= 306)
      scope.error("status", fmt::format("must be 301, 302, 303, 307 or 308, got {}", redirect.status));
    if (redirect.path && redirect.path_prefix)
      scope.error("path_prefix", "cannot stand beside path; keep one of the two");
    if (!redirect.scheme && !redirect.host && !redirect.path && !redirect.path_prefix)
      scope.error("", "needs at least one of scheme, host, path and path_prefix");
  });
}

// What has an effect only in some routes is an error in the others.
static void check_edits(const Route& route, const Scope& scope) {
  if (route.request != RequestEdits{} && route.clusters.empty())
    scope.error("request", "has no effect without clusters; leave it out");
  if (!route.match.path.regex) return;
  constexpr std::string_view kNeedsPrefix = "needs match.path to be exact or a prefix, which it replaces";
  if (route.request.path_prefix) scope.error("request.path_prefix", std::string(kNeedsPrefix));
  if (route.redirect && route.redirect->path_prefix)
    scope.error("redirect.path_prefix", std::string(kNeedsPrefix));
}

// Either value may stand in `defaults` instead. Where both do, or neither stands anywhere, there is nothing
// to tell here: a mistake in `defaults` is told there, not in every route.
static void check_below_total(const Timeouts& timeouts, const Scope& scope, std::string_view name,
                              Duration value) {
  if (value <= timeouts.total || (!scope.is_set(name) && !scope.is_set("total"))) return;
  const Scope defaults = scope.elsewhere("defaults.timeouts");
  for (const std::string_view key : {std::string_view("total"), name}) {
    if (!(scope.is_set(key) ? scope : defaults).usable(key)) return;
  }
  const auto origin = [&](std::string_view key) {
    if (scope.is_set(key)) return "";
    return defaults.is_set(key) ? ", from defaults" : ", the default";
  };
  scope.error(name, fmt::format("must not exceed total ({}{}), got {}{}; lower it, or raise total",
                                format_duration(timeouts.total.count()), origin("total"),
                                format_duration(value.count()), origin(name)));
}

void describe(Fields<Timeouts>& f) {
  f.about("Timeouts", "How long the backend may take. None may exceed `total`.");
  f.add("connect", &Timeouts::connect, "Opening a connection to an endpoint.").range(1ms, 1h);
  f.add("first_content", &Timeouts::first_content,
        "From the request's end to the first content of the answer.")
      .range(1ms, 24h);
  f.add("between_tokens", &Timeouts::between_tokens, "Longest silence within a streamed answer.")
      .range(1ms, 24h);
  f.add("total", &Timeouts::total, "The whole exchange, retries included.").range(1ms, 24h);
  f.check([](const Timeouts& timeouts, const Scope& scope) {
    check_below_total(timeouts, scope, "connect", timeouts.connect);
    check_below_total(timeouts, scope, "first_content", timeouts.first_content);
    check_below_total(timeouts, scope, "between_tokens", timeouts.between_tokens);
  });
}

void describe(Fields<Retry>& f) {
  f.about("Retry", "What happens when an endpoint fails before any content has reached the client.");
  f.add("attempts", &Retry::attempts, "Attempts in total, with the first; 1 turns retries off.").range(1, 10);
}

void describe(Fields<Usage>& f) {
  f.about("Usage", "Reads along with answers to count tokens and measure the gaps between them.");
  f.add("enabled", &Usage::enabled, "`false`: answers pass unread.");
}

void describe(Fields<Route>& f) {
  f.about("Route",
          "Which requests go where. Routes are tried in order; the first that matches takes the request.");
  f.add("name", &Route::name,
        "Unique among routes; a label in metrics and in the access log. Left out: `routes[N]`.")
      .rule(kNameText);
  f.add("match", &Route::match, "Which requests the route takes.").required();
  f.add("api", &Route::api,
        "`openai`: the API that vLLM and OpenAI speak. `http`: any HTTP service; of a body nothing is read "
        "but what "
        "`match` asks for, and errors are plain JSON.");
  f.add("clusters", &Route::clusters, "Where they go, split by weight.").items(0, kMaxNames);
  f.add("respond", &Route::respond, "An answer that the gateway gives itself, instead of `clusters`.");
  f.add("redirect", &Route::redirect, "Sends the client elsewhere, instead of `clusters`.");
  f.add("list_models", &Route::list_models,
        "Answers with the models that all clusters serve and the aliases of routes, instead of `clusters`.");
  f.add("request", &Route::request, "What is changed before a request goes to a backend.");
  f.add("response", &Route::response, "What is changed before an answer goes to the client.");
  f.add("timeouts", &Route::timeouts, "How long the backend may take.");
  f.add("retry", &Route::retry,
        "What happens when an endpoint fails before any content has reached the client.");
  f.add("usage", &Route::usage, "Reads along with answers to count tokens and measure gaps.");
  f.add_size("max_body_bytes", &Route::max_body_bytes, "Longest request body, instead of the listener's.")
      .range(0, 4 * kGiB);
  f.check([](const Route& route, const Scope& scope) {
    for (const char* action : {"clusters", "respond", "redirect", "list_models"}) {
      if (!scope.usable(action)) return;
    }
    const int answers =
        int{route.respond.has_value()} + int{route.redirect.has_value()} + int{route.list_models};
    // An empty list says no more than none beside another action; the effective print writes it.
    const bool forwards = !route.clusters.empty() || (scope.is_set("clusters") && answers == 0);
    if (answers + int{forwards} != 1) {
      scope.error("", "needs exactly one of clusters, respond, redirect and list_models");
    } else if (forwards && !has_weight(route.clusters)) {
      scope.error("clusters", "needs at least one cluster with a weight above 0");
    }
    check_edits(route, scope);
  });
  f.inherit([](Route& route, const Config& config) {
    route.timeouts = config.defaults.timeouts;
    route.retry = config.defaults.retry;
    route.usage = config.defaults.usage;
  });
}

}  // namespace sluice::config
