#include "gateway/app/admin/stream_filter.h"

#include <algorithm>
#include <utility>

#include "config/units.h"
#include "gateway/app/admin/page.h"

namespace sluice {

Result<StreamFilter> StreamFilter::parse(std::string_view query) {
  StreamFilter filter;
  const std::pair<std::string_view, std::string*> texts[] = {{"cluster", &filter.cluster},
                                                             {"route", &filter.route},
                                                             {"model", &filter.model},
                                                             {"state", &filter.state}};
  if (query.starts_with('?')) query.remove_prefix(1);
  const std::string_view whole = query;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::string_view key = pair.substr(0, pair.find('='));
    const std::string value = query_value(whole, key);
    const auto text = std::ranges::find(texts, key, &std::pair<std::string_view, std::string*>::first);
    if (text != std::end(texts)) {
      *text->second = value;
    } else if (key == "min_age") {
      const auto age = config::parse_duration(value);
      if (!age) return fail(ErrorKind::kInvalidBody, "min_age " + age.error());
      filter.min_age_seconds = static_cast<double>(*age) / 1e9;
    } else {
      return fail(ErrorKind::kInvalidBody, "streams are chosen by cluster, route, model, state and min_age");
    }
  }
  return filter;
}

bool StreamFilter::matches(const StreamSnapshot& stream) const {
  const auto fits = [](const std::string& wanted, std::string_view is) {
    return wanted.empty() || wanted == is;
  };
  return fits(cluster, stream.cluster) && fits(route, stream.route) && fits(model, stream.model) &&
         fits(state, stream.state) && stream.age_seconds >= min_age_seconds;
}

}  // namespace sluice
