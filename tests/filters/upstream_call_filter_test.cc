#include "filters/upstream_call/upstream_call_filter.h"

#include <gtest/gtest.h>

#include <random>

#include "gateway/llm/request_edits.h"
#include "gateway/proxy/call.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

std::string random_text(std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {"a",        " ", "\\n", "\\\"", "\\u00e9",
                                                 "\xc3\xa9", "{", "]",   ",",    "model"};
  std::string text = "\"";
  for (std::size_t n = random() % 12; n > 0; --n)
    text += kPieces[random() % std::size(kPieces)];
  return text + '"';
}

std::string random_value(std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 6 : 4)) {
    case 0:
      return "null";
    case 1:
      return "-1.50e+3";
    case 2:
      return "true";
    case 3:
      return random_text(random);
    case 4:
      return "[" + random_value(random, depth - 1) + " , " + random_value(random, depth - 1) + "]";
    default:
      return "{ \"model\":" + random_value(random, depth - 1) + "}";
  }
}

// A body in pieces: what stands in front of the model's value, the value, what stands behind it.
struct RandomBody {
  std::string front;
  std::string model;
  std::string behind;
};

RandomBody random_body(std::mt19937& random) {
  RandomBody body{.front = "{", .model = {}, .behind = {}};
  const auto space = [&] { return std::string(random() % 3, ' '); };
  const std::size_t before = random() % 4;
  for (std::size_t i = 0; i < before; ++i)
    body.front += space() + "\"k" + std::to_string(i) + "\"" + space() + ":" + random_value(random, 3) + ",";
  body.front += space() + "\"model\"" + space() + ":" + space();
  body.model = random() % 8 == 0 ? "null" : random_text(random);
  for (std::size_t i = random() % 4; i > 0; --i)
    body.behind += space() + ",\"m" + std::to_string(i) + "\":" + random_value(random, 3);
  body.behind += space() + "}" + space();
  return body;
}

TEST(UpstreamCallFilterTest, TheModelsNameIsReplacedAndEveryOtherByteStays) {
  TestLoop t;
  std::mt19937 random(20261126);
  llm::RequestParser parser;
  const std::string served_as = "org/m \"q\"";
  for (int i = 0; i < 1000; ++i) {
    const RandomBody body = random_body(random);
    const std::string whole = body.front + body.model + body.behind;
    std::string sent;
    const ExchangeChain chain = [&] {
      ExchangeChain c;
      c.add(std::make_unique<UpstreamCallFilter>(
          chain_of<Call>(nullptr, [&sent](Call& call, ResponseWriter& out) {
            sent = call.splices.apply(call.request->body_bytes());
            return answer_ok(out);
          })));
      return c;
    }();
    ExchangeRig r(t, one_route([](Exchange&, ResponseWriter& out) { return answer_ok(out); }),
                  request_head(Method::kPost, "/"));
    Request& request = *r.exchange.request;
    ASSERT_TRUE(request.body.emplace(1 << 20).append(whole));
    request.view = parser.parse(*request.body).value();
    r.exchange.served_as = &served_as;
    r.run(chain);
    t.turn();
    ASSERT_EQ(sent, body.front + "\"org/m \\\"q\\\"\"" + body.behind) << whole;
    ASSERT_EQ(request.body_bytes(), whole) << "the body itself is never changed";
  }
}

TEST(UpstreamCallFilterTest, TheCallHasTheTagsThatItsTargetAsksFor) {
  TestLoop t;
  const std::vector<std::string> tags{"h100", "spot"};
  const std::vector<std::string>* seen = nullptr;
  ExchangeChain chain;
  chain.add(
      std::make_unique<UpstreamCallFilter>(chain_of<Call>(nullptr, [&](Call& call, ResponseWriter& out) {
        seen = call.tags;
        return answer_ok(out);
      })));
  ExchangeRig r(t, one_route([](Exchange&, ResponseWriter& out) { return answer_ok(out); }),
                request_head(Method::kPost, "/"));
  r.exchange.tags = &tags;
  r.run(chain);
  t.turn();
  EXPECT_EQ(seen, &tags);
}

}  // namespace
}  // namespace sluice::test
