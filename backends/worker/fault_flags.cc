#include "backends/worker/fault_flags.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace sluice::worker {
namespace {

constexpr std::int64_t kExtraUsage = 1000;

struct Kind {
  std::string_view name;
  bool has_number;
  void (*add)(Faults& faults, std::int64_t number);
};

constexpr Kind kKinds[] = {
    {"freeze", true, [](Faults& f, std::int64_t n) { f.engine.freeze_after = n; }},
    {"slow", true, [](Faults& f, std::int64_t n) { f.engine.slow = std::chrono::milliseconds(n); }},
    {"fail", true, [](Faults& f, std::int64_t n) { f.engine.fail_after = n; }},
    {"die", true, [](Faults& f, std::int64_t n) { f.engine.die_after = n; }},
    {"refuse", false, [](Faults& f, std::int64_t) { f.api.status = 503; }},
    {"429", false, [](Faults& f, std::int64_t) { f.api.status = 429; }},
    {"error-in-stream", true, [](Faults& f, std::int64_t n) { f.api.fail_after = n; }},
    {"wrong-usage", false, [](Faults& f, std::int64_t) { f.api.extra_usage = kExtraUsage; }},
};

constexpr std::int64_t kLargestNumber = 1'000'000'000;

}  // namespace

const char* fault_kinds() {
  return "Misbehave, for tests of what stands in front; may be given several times.\n"
         "freeze:N           after N tokens no step ends any more; /health stays 200\n"
         "slow:MS            every step takes MS milliseconds longer\n"
         "fail:N             after N tokens the engine fails: 500, /health 503, exit\n"
         "die:N              after N tokens the process is gone\n"
         "refuse, 429        status 503 or 429 for every request for answers\n"
         "error-in-stream:N  after N tokens of a request as if the engine had failed on it\n"
         "wrong-usage        usage tells 1000 tokens that were not generated";
}

std::string add_fault(const std::string& text, Faults& faults) {
  const std::string_view all = text;
  const std::size_t colon = std::min(all.find(':'), all.size());
  const std::string_view name = all.substr(0, colon);
  for (const Kind& kind : kKinds) {
    if (kind.name != name) continue;
    if (kind.has_number != (colon < all.size())) {
      return text + (kind.has_number ? ": expected " + std::string(name) + ":NUMBER" : ": takes no number");
    }
    std::int64_t number = 0;
    const std::string_view digits = kind.has_number ? all.substr(colon + 1) : "0";
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || number < 0 ||
        number > kLargestNumber) {
      return text + ": the number must be from 0 to " + std::to_string(kLargestNumber);
    }
    kind.add(faults, number);
    return {};
  }
  return text + ": no such fault; --help lists them";
}

}  // namespace sluice::worker
