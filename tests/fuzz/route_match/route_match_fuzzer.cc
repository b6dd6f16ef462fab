#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/proxy/route_matcher.h"
#include "tests/fuzz/http2_script.h"
#include "tests/fuzz/request_oracle.h"

namespace {

using namespace sluice;
using fuzz::ByteCursor;
using fuzz::expect;

constexpr std::string_view kTexts[] = {
    "/",        "/v1",       "/v1/",          "/v1/chat",           "/v1/chat/x", "/V1", "a.test", "*.test",
    "b.a.test", "A.TEST:80", "a.test.",       "[::1]:80",           "m",          "M",   "x-a",    "tier",
    "gold",     "%67old",    "a=b&tier=gold", "?tier=%67old&tier=", "a+b",        ""};

std::string text(ByteCursor& bytes) {
  const std::uint8_t code = bytes.byte();
  if (code < std::size(kTexts)) return std::string(kTexts[code]);
  return std::string(bytes.take(code % 16));
}

// A path as the matcher sees it: from the root.
std::string path(ByteCursor& bytes) {
  std::string out = text(bytes);
  if (!out.starts_with('/')) out.insert(0, 1, '/');
  return out;
}

Method method(ByteCursor& bytes) {
  constexpr Method kMethods[] = {Method::kGet, Method::kPost, Method::kPut, Method::kDelete};
  return kMethods[bytes.byte() % 4];
}

FieldMatch condition(ByteCursor& bytes) {
  FieldMatch out{text(bytes)};
  out.kind = static_cast<FieldMatch::Kind>(bytes.byte() % 5);
  out.value = text(bytes);
  if (out.kind == FieldMatch::Kind::kRegex) out.pattern = Pattern::compile("g.*d|[a-z]+").value();
  return out;
}

RouteRule rule(ByteCursor& bytes) {
  RouteRule out;
  out.path_kind = static_cast<PathKind>(bytes.byte() % 3);
  out.path = path(bytes);
  if (out.path_kind == PathKind::kRegex) out.path_pattern = Pattern::compile("/v[0-9]/(chat|x).*").value();
  const unsigned has = bytes.byte();
  if ((has & 1) != 0) out.methods.push_back(method(bytes));
  if ((has & 2) != 0) out.hosts.emplace_back(text(bytes));
  if ((has & 4) != 0) out.hosts.emplace_back(text(bytes));
  if ((has & 8) != 0) out.headers.push_back(condition(bytes));
  if ((has & 16) != 0) out.query.push_back(condition(bytes));
  if ((has & 32) != 0) out.models.push_back(text(bytes));
  if ((has & 64) != 0) out.models.push_back(text(bytes));
  if ((has & 128) != 0) out.stream = bytes.byte() % 2 == 0;
  return out;
}

}  // namespace

// Rules and a request: the lists by path, host and model find the route that trying each rule in turn finds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteCursor bytes({reinterpret_cast<const char*>(data), size});
  std::vector<RouteRule> rules;
  for (std::size_t left = 1 + bytes.byte() % 24; left != 0; --left)
    rules.push_back(rule(bytes));
  const std::size_t count = rules.size();
  const RouteMatcher matcher(std::move(rules));

  RequestHead head;
  head.method = method(bytes);
  head.set_authority(text(bytes));
  const std::string target = path(bytes);
  const std::string query = text(bytes);
  head.set_target(target, query);
  for (std::size_t left = bytes.byte() % 4; left != 0; --left) {
    constexpr std::string_view kNames[] = {"tier", "x-a", "accept", "m"};
    const std::string_view name = kNames[bytes.byte() % 4];
    std::string value = text(bytes);
    std::erase_if(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    head.headers.add(name, value);
  }
  llm::RequestView body;
  const std::string model = text(bytes);
  body.model = llm::JsonText(model);
  body.stream = bytes.byte() % 2 == 0;

  const std::string_view peer = "10.1.2.3:4000";
  std::size_t expected = 0;
  while (expected < count && matcher.mismatch(expected, head, peer, &body))
    ++expected;
  const auto by_head = matcher.match(head, peer);
  if (!by_head) {
    expect(expected == count);
    return 0;
  }
  const auto found = matcher.match(*by_head, head, peer, &body);
  expect(found.has_value() == (expected < count));
  if (found) expect(*found == expected);
  return 0;
}
