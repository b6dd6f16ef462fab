// The exchanges in flight.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "gateway/app/admin/page.h"
#include "gateway/app/admin/stream_filter.h"
#include "gateway/app/gateway.h"

namespace sluice {
namespace {

void append_stream(const StreamSnapshot& s, std::string& out) {
  fmt::format_to(
      std::back_inserter(out),
      "\n{{\"id\":{},\"state\":\"{}\",\"age_seconds\":{:.3f},\"method\":\"{}\",\"path\":{},\"route\":{},"
      "\"model\":{},\"cluster\":{},\"endpoint\":{},\"attempts\":{},\"response_bytes\":{},\"events\":{},"
      "\"peer\":{},\"shard\":{}}}",
      json_quoted(s.id), s.state, s.age_seconds, s.method, json_quoted(s.path), json_quoted(s.route),
      json_quoted(s.model), json_quoted(s.cluster), json_quoted(s.endpoint), s.attempts, s.response_bytes,
      s.events, json_quoted(s.peer), s.shard);
}

}  // namespace

Task<AdminPage> streams_page(Gateway& gateway, const AdminRequest& request) {
  const Result<StreamFilter> filter = StreamFilter::parse(request.query);
  if (!filter) co_return AdminPage::error(400, filter.error().detail());
  std::vector<std::vector<StreamSnapshot>> by_shard = co_await gateway.streams();
  std::vector<StreamSnapshot> chosen;
  std::size_t open = 0;
  for (auto& shard : by_shard) {
    open += shard.size();
    for (StreamSnapshot& stream : shard) {
      if (filter->matches(stream)) chosen.push_back(std::move(stream));
    }
  }
  std::ranges::sort(chosen, std::ranges::greater(), &StreamSnapshot::age_seconds);
  std::string out = fmt::format("{{\"open\":{},\"streams\":[", open);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (i > 0) out += ',';
    append_stream(chosen[i], out);
  }
  co_return AdminPage::json(out + "]}\n");
}

}  // namespace sluice
