#include "gateway/llm/model_list.h"

#include <simdjson.h>

#include <utility>

#include "gateway/base/json_escape.h"

namespace sluice::llm {

Result<std::vector<std::string>> parse_model_list(std::string_view body) {
  const simdjson::padded_string padded(body);
  simdjson::dom::parser parser;
  simdjson::dom::array data;
  if (parser.parse(padded)["data"].get(data) != simdjson::SUCCESS)
    return fail(ErrorKind::kUpstreamMalformed, "the answer to GET /v1/models is no list of models");
  std::vector<std::string> ids;
  for (const simdjson::dom::element model : data) {
    std::string_view id;
    if (ids.size() == kMaxListedModels) break;
    if (model["id"].get(id) == simdjson::SUCCESS && !id.empty() && id.size() <= kMaxModelName)
      ids.emplace_back(id);
  }
  return ids;
}

std::string model_list(const std::vector<std::string>& ids) {
  std::string out = R"({"object":"list","data":[)";
  for (const std::string& id : ids) {
    if (!out.ends_with('[')) out.push_back(',');
    out.append(R"({"id":")");
    json_escape(id, out);
    out.append(R"(","object":"model","created":0,"owned_by":"sluice"})");
  }
  return out.append("]}");
}

}  // namespace sluice::llm
