#include "perf/load/dice.h"

#include <array>
#include <string_view>

#include "perf/load/requests.h"

namespace sluice::load {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kLongAnswer = 512 * 1024;

// Each must be refused.
constexpr std::array kBroken{
    "GET\r\n\r\n"sv,
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS to a plain port\r\n\r\n"sv,
    "POST /v1/chat/completions HTTP/9.9\r\nHost: a\r\n\r\n"sv,
    "POST /v1/chat completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost : a\r\nContent-Length: 2\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n folded: b\r\nContent-Length: 2\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    "0\r\n\r\n"sv,
    "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"sv};

std::size_t head_bytes(std::string_view request) {
  return request.find("\r\n\r\n") + 4;
}

}  // namespace

Nanos Dice::milliseconds(std::uint64_t low, std::uint64_t high) {
  return static_cast<Nanos>(between(low * 1000, high * 1000)) * kMicrosecond;
}

std::string Dice::body() {
  constexpr std::array<std::size_t, 4> kPrompts{10, 200, 4096, 32'768};
  return chat_body(between(1, kPrompts[below(kPrompts.size())]), below(2) == 0);
}

std::string Dice::request() {
  std::string path = "/v1/chat/completions";
  switch (below(4)) {
    case 0:
      path = answer_path(between(0, 65'536));
      break;
    case 1:
      path = events_path(between(1, 20), between(500, 10'000));
      break;
    case 2:
      path = events_path(between(1, 1000), 0, static_cast<unsigned>(between(1, 32)));
      break;
    default:
      break;
  }
  return below(4) == 0 ? post_chunked(path, body(), between(1, 4096)) : post(path, body());
}

std::pair<std::string, std::uint64_t> Dice::long_request() {
  switch (below(3)) {
    case 0:
      return {post(answer_path(kLongAnswer), body()), kLongAnswer};
    case 1:
      return {post(events_path(0, between(200, 5000)), body()), 20'000};
    default:
      return {post(events_path(0, 0, static_cast<unsigned>(between(1, 32))), body()), 500'000};
  }
}

Plan Dice::leaver() {
  Plan plan;
  plan.leaving = below(2) == 0 ? Plan::Leaving::kOrderly : Plan::Leaving::kReset;
  auto& steps = plan.steps;
  const std::string whole = request();
  const std::size_t head = head_bytes(whole);
  switch (below(9)) {
    case 0:
      plan.kind = "before the head";
      break;
    case 1:
      plan.kind = "in the head";
      steps = {send(whole.substr(0, between(1, head - 1)))};
      break;
    case 2:
      plan.kind = "after the head";
      steps = {send(whole.substr(0, head))};
      break;
    case 3:
      plan.kind = "in the body";
      steps = {send(whole.substr(0, between(head + 1, whole.size() - 1)))};
      break;
    case 4:
      plan.kind = "before the answer";
      steps = {send(whole)};
      break;
    case 5:
    case 6: {
      plan.kind = "in the answer";
      const auto [asked, least] = long_request();
      steps = {send(asked), bytes(between(1, least))};
      break;
    }
    case 7: {
      plan.kind = "pipelined";
      std::string several;
      for (std::uint64_t i = between(1, 5); i > 0; --i)
        several += post(answer_path(between(0, 2000)), body());
      const auto [asked, least] = long_request();
      steps = {send(several + asked), bytes(between(1, least))};
      break;
    }
    default:
      plan.kind = "half-closed";
      steps = {send(whole.substr(0, between(1, whole.size()))), half_close()};
      break;
  }
  if (below(2) == 0) steps.push_back(pause(milliseconds(0, 20)));
  return plan;
}

Plan Dice::visitor() {
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return keeps_alive();
    case 4:
      return pipelines();
    case 5:
    case 6:
      return writes_slowly();
    case 7:
    case 8:
      return reads_slowly();
    case 9:
      return uploads();
    case 10:
      return idles();
    case 11:
    case 12:
      return malformed();
    default:
      return leaver();
  }
}

Plan Dice::keeps_alive() {
  Plan plan{.kind = "keep-alive", .expects = Plan::Expects::kAnswers, .answers = between(1, 10)};
  for (std::uint64_t i = 1; i <= plan.answers; ++i) {
    plan.steps.push_back(send(request()));
    plan.steps.push_back(answers(i));
    if (below(2) == 0) plan.steps.push_back(pause(milliseconds(0, 50)));
  }
  return plan;
}

Plan Dice::pipelines() {
  Plan plan{.kind = "pipelining", .expects = Plan::Expects::kAnswers, .answers = between(2, 6)};
  std::string all;
  for (std::uint64_t i = 0; i < plan.answers; ++i)
    all += request();
  plan.steps = {send(all), answers(plan.answers)};
  return plan;
}

Plan Dice::writes_slowly() {
  // Well within the times that a head and a body have before their rate counts, also on a busy machine.
  const std::string asked = post(answer_path(between(0, 4096)), chat_body(between(1, 500), false));
  const std::size_t head = head_bytes(asked);
  return {.kind = "slow writer",
          .steps = {send(asked.substr(0, head), 1, milliseconds(0, 5)),
                    send(asked.substr(head), between(4, 16), milliseconds(0, 3)), answers(1)},
          .expects = Plan::Expects::kAnswers,
          .answers = 1};
}

Plan Dice::reads_slowly() {
  const std::string path =
      below(2) == 0 ? answer_path(between(1, kLongAnswer)) : events_path(between(1, 2000), 0, 8);
  return {.kind = "slow reader",
          .steps = {send(post(path, body())), answers(1)},
          .expects = Plan::Expects::kAnswers,
          .answers = 1,
          .reading = Plan::Reading::kSlowly,
          .read_piece = between(2048, 16'384),
          .read_gap = milliseconds(1, 10)};
}

Plan Dice::uploads() {
  const std::string large = chat_body(between(65'536, 1'048'576), false);
  const std::string path = answer_path(between(0, 100));
  return {.kind = "large body",
          .steps = {send(below(2) == 0 ? post(path, large) : post_chunked(path, large, between(512, 65'536))),
                    answers(1)},
          .expects = Plan::Expects::kAnswers,
          .answers = 1};
}

Plan Dice::idles() {
  return {.kind = "idle", .steps = {pause(milliseconds(0, 2000))}};
}

Plan Dice::malformed() {
  std::string bytes;
  switch (below(3)) {
    case 0:
      bytes = kBroken[below(kBroken.size())];
      break;
    case 1:  // a head without end
      bytes = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(100'000, 'a');
      break;
    default:  // noise that cannot begin a method
      bytes = "\x01";
      for (std::uint64_t i = between(1, 200); i > 0; --i)
        bytes += static_cast<char>(below(256));
      bytes += "\r\n\r\n";
      break;
  }
  return {.kind = "malformed",
          .steps = {send(std::move(bytes))},
          .leaving = Plan::Leaving::kNotByItself,
          .expects = Plan::Expects::kRefusal};
}

Plan slow_plan(std::size_t kind) {
  constexpr Nanos kGap = 500 * kMillisecond;
  const std::string asked = post(events_path(0, 1'000'000), chat_body(2000, true));
  const std::size_t head = head_bytes(asked);
  Plan plan{.leaving = Plan::Leaving::kNotByItself};
  switch (kind % kSlowKinds) {
    case 0:
      plan.kind = "head byte by byte";
      plan.steps = {send(asked, 1, kGap)};
      break;
    case 1:
      plan.kind = "body byte by byte";
      plan.steps = {send(asked.substr(0, head)), send(asked.substr(head), 1, kGap)};
      break;
    case 2:
      plan.kind = "never reads";
      plan.steps = {send(post(events_path(0, 0, 32), chat_body(100, true)))};
      plan.reading = Plan::Reading::kNever;
      break;
    case 3:
      plan.kind = "idle";
      break;
    default:
      plan.kind = "half-closed";
      plan.steps = {send(asked), half_close()};
      break;
  }
  return plan;
}

}  // namespace sluice::load
