#include "gateway/app/exchange_reporter.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "gateway/proxy/access_log.h"

namespace sluice {
namespace {

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

// No client can invent more: routes, clusters and statuses are the configuration's and the protocol's. Should
// a backend answer with hundreds of statuses, the registry's lock is paid again for the rarer ones.
constexpr std::size_t kMaxOutcomes = 256;

}  // namespace

void ExchangeReporter::ended(const ExchangeRecord& record) noexcept {
  // Allocation is all that can fail here; a record is not worth a stream.
  try {
    line_.clear();
    append_access_log_line(record, line_);
    access_log_.write(line_);
    count(record);
    if (traces_ != nullptr) traces_->offer(record);
  } catch (const std::exception&) {
  }
}

void ExchangeReporter::count(const ExchangeRecord& r) {
  Outcome& o = outcome(r);
  o.requests->add();
  if (r.ended_at) o.duration->observe(seconds(*r.ended_at - r.received_at));
  if (r.first_content_at) o.first_content->observe(seconds(*r.first_content_at - r.received_at));
  if (r.usage) {
    o.prompt_tokens->add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, r.usage->prompt_tokens)));
    o.completion_tokens->add(
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, r.usage->completion_tokens)));
  }
  if (r.error) {
    const ErrorTraits& t = traits(*r.error);
    metrics_
        .counter("sluice_errors_total",
                 "Exchanges that ended with an error, by kind and by whose fault it was.",
                 {{"kind", std::string(t.name)}, {"fault", std::string(name(t.fault))}})
        .add();
  }
}

ExchangeReporter::Outcome& ExchangeReporter::outcome(const ExchangeRecord& r) {
  const auto found = std::ranges::find_if(outcomes_, [&](const Outcome& o) {
    return o.status == r.status && o.route == r.route && o.cluster == r.cluster;
  });
  if (found != outcomes_.end()) return *found;
  if (outcomes_.size() >= kMaxOutcomes) outcomes_.clear();
  const std::string route(r.route);
  const std::string cluster(r.cluster);
  const Labels by_cluster{{"cluster", cluster}};
  const auto tokens = [&](const char* kind) {
    return &metrics_.counter("sluice_tokens_total", "Tokens that backends reported in usage.",
                             {{"cluster", cluster}, {"kind", kind}});
  };
  return outcomes_.emplace_back(Outcome{
      route, cluster, r.status,
      &metrics_.counter("sluice_requests_total", "Exchanges that ended, by the status the client got.",
                        {{"route", route}, {"cluster", cluster}, {"status", std::to_string(r.status)}}),
      &metrics_.histogram("sluice_request_duration_seconds",
                          "From a request's first byte to its answer's last.",
                          {{"route", route}, {"cluster", cluster}}, kLatencyBuckets),
      &metrics_.histogram("sluice_time_to_first_token_seconds",
                          "From a request's first byte to the first content of its answer.", by_cluster,
                          kLatencyBuckets),
      tokens("prompt"), tokens("completion")});
}

}  // namespace sluice
