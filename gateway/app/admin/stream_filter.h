#pragma once

#include <string>
#include <string_view>

#include "gateway/app/shard.h"
#include "gateway/base/result.h"

namespace sluice {

// Which exchanges in flight an operator asks for: every condition that is set must hold.
struct StreamFilter {
  std::string cluster = {};
  std::string route = {};
  std::string model = {};
  std::string state = {};
  double min_age_seconds = 0;

  // From a query: `?cluster=models&min_age=30s`. Errors: kInvalidBody, for an unknown condition or a bad age.
  static Result<StreamFilter> parse(std::string_view query);

  bool matches(const StreamSnapshot& stream) const;
};

}  // namespace sluice
