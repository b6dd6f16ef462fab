#include "backends/worker/pooler_flag.h"

#include <simdjson.h>

#include <string_view>

namespace sluice::worker {
namespace {

std::string read_pooling(std::string_view type, Pooling& pooling) {
  if (type == "LAST") {
    pooling = Pooling::kLast;
  } else if (type == "MEAN") {
    pooling = Pooling::kMean;
  } else {
    return "pooling_type is LAST or MEAN, not " + std::string(type);
  }
  return {};
}

}  // namespace

std::string read_pooler_config(const std::string& json, PoolerConfig& config) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json).get_object().get(object) != simdjson::SUCCESS) {
    return R"(expected a JSON object such as {"pooling_type": "MEAN"})";
  }
  for (const auto& [name, value] : object) {
    std::string_view text;
    if ((name == "pooling_type" || name == "seq_pooling_type") && value.get(text) == simdjson::SUCCESS) {
      if (const std::string wrong = read_pooling(text, config.pooling); !wrong.empty()) return wrong;
    } else if ((name != "use_activation" && name != "normalize") ||
               value.get(config.normalised) != simdjson::SUCCESS) {
      return "takes pooling_type (LAST, MEAN) and use_activation (true, false), not " + std::string(name) +
             " of " + simdjson::minify(value);
    }
  }
  return {};
}

}  // namespace sluice::worker
