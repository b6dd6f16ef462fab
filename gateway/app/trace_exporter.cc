#include "gateway/app/trace_exporter.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/app/otlp_encoding.h"
#include "gateway/http/http1/client_connection.h"
#include "gateway/runtime/child.h"

namespace sluice {

Result<TraceExporterOptions> trace_exporter_options(const config::Traces& settings) {
  constexpr std::string_view kScheme = "http://";
  std::string_view url;
  if (settings.otlp) url = *settings.otlp;
  if (!url.starts_with(kScheme))
    return fail(ErrorKind::kConfig, "observability.traces.otlp: expected http://");
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  Result<Address> collector = parse_address(url.substr(0, slash));
  if (!collector) {
    return fail(ErrorKind::kConfig, "observability.traces.otlp: " + collector.error().detail());
  }
  return TraceExporterOptions{.collector = std::move(*collector),
                              .authority = std::string(url.substr(0, slash)),
                              .path = slash < url.size() ? std::string(url.substr(slash)) : "/v1/traces",
                              .service_name = settings.service_name,
                              .version = SLUICE_VERSION,
                              .interval = settings.interval,
                              .timeout = settings.timeout};
}

TraceSampler trace_sampler(const config::Traces& settings) {
  return settings.otlp ? TraceSampler(settings.sample) : TraceSampler();
}

TraceExporter::TraceExporter(Loop& loop, Connector& connector, TraceQueue& queue, Metrics& metrics,
                             TraceExporterOptions options)
    : loop_(loop),
      connector_(connector),
      queue_(queue),
      metrics_(metrics),
      options_(std::move(options)),
      wake_(std::make_shared<Signal>(loop)),
      flushed_(loop) {
  for (const Outcome o : {Outcome::kOk, Outcome::kRefused, Outcome::kUnavailable, Outcome::kFailed})
    (void)exports(o);
  for (const char* reason : {"queue_full", "refused", "unavailable"})
    (void)dropped(reason);
  queue_.on_batch([&loop = loop_, wake = std::weak_ptr(wake_)] {
    loop.post([wake] {
      if (const auto signal = wake.lock()) signal->notify_all();
    });
  });
  tasks_.spawn(run());
}

TraceExporter::~TraceExporter() {
  queue_.on_batch({});
}

Task<void> TraceExporter::run() {
  for (;;) {
    const TimePoint due = loop_.now() + options_.interval;
    while (!queue_.has_batch() && !flushing_) {
      const bool woken = co_await wake_->wait(due);
      if (!woken) break;
    }
    if (std::vector<ExchangeTrace> batch = queue_.take(); !batch.empty())
      co_await export_batch(std::move(batch));
    if (flushing_ && queue_.size() == 0) {
      flushing_ = false;
      flushed_.notify_all();
    }
  }
}

Task<void> TraceExporter::flush(TimePoint deadline) {
  flushing_ = true;
  wake_->notify_all();
  while (flushing_) {
    const bool ended = co_await flushed_.wait(deadline);
    if (!ended) co_return;
  }
}

Task<void> TraceExporter::export_batch(std::vector<ExchangeTrace> batch) {
  const std::string body = encode_otlp(batch, options_.service_name, options_.version);
  const std::size_t count = batch.size();
  batch = {};
  for (int n = 1;; ++n) {
    const Outcome outcome = co_await attempt(body);
    exports(outcome).add();
    if (outcome == Outcome::kOk) co_return;
    if (outcome == Outcome::kRefused || n == kMaxAttempts || flushing_) {
      dropped(outcome == Outcome::kRefused ? "refused" : "unavailable").add(count);
      co_return;
    }
    co_await back_off(n);
  }
}

// Doubles, less up to half of it by chance, so that gateways which lost one collector do not come back as
// one.
Task<void> TraceExporter::back_off(int attempt) {
  const auto longest = static_cast<std::uint64_t>(kFirstBackoff.count()) << (attempt - 1);
  const Duration wait(static_cast<std::int64_t>(longest - loop_.random().below(longest / 2)));
  const TimePoint until = loop_.now() + wait;
  while (!flushing_) {
    const bool woken = co_await wake_->wait(until);
    if (!woken) co_return;
  }
}

// The timer bounds the whole of it: a collector that takes or gives a byte now and then as well.
Task<TraceExporter::Outcome> TraceExporter::attempt(std::string_view body) {
  const TimePoint deadline = loop_.now() + options_.timeout;
  Child<Outcome> request(loop_, post(body, deadline));
  Timer timer([](void* r) { static_cast<Child<Outcome>*>(r)->cancel(); }, &request);
  loop_.arm(timer, deadline);
  const std::optional<Outcome> outcome = co_await request.join();
  co_return outcome.value_or(Outcome::kFailed);
}

Task<TraceExporter::Outcome> TraceExporter::post(std::string_view body, TimePoint deadline) {
  Result<std::unique_ptr<Transport>> transport = co_await connector_.connect(options_.collector, deadline);
  if (!transport) co_return Outcome::kFailed;
  http1::ClientConnection connection(std::move(*transport), http1::HeadLimits{});
  const RequestHead head = make_head();
  const std::string_view pieces[] = {body};
  // A collector that closes early may have said why.
  (void)co_await connection.send(head, body.size(), pieces, true, options_.timeout);
  const Result<ResponseHead> answer = co_await connection.read_head(deadline);
  if (!answer) co_return Outcome::kFailed;
  switch (answer->status) {
    case 429:
    case 502:
    case 503:
    case 504:
      co_return Outcome::kUnavailable;
    default:
      co_return answer->status / 100 == 2 ? Outcome::kOk : Outcome::kRefused;
  }
}

RequestHead TraceExporter::make_head() const {
  RequestHead head;
  head.method = Method::kPost;
  head.set_authority(options_.authority);
  head.set_target(options_.path, "");
  head.headers.add("content-type", "application/json");
  head.headers.add("user-agent", "sluice/" + options_.version);
  head.headers.add("connection", "close");
  return head;
}

Counter& TraceExporter::exports(Outcome outcome) {
  constexpr const char* kNames[] = {"ok", "refused", "unavailable", "failed"};
  return metrics_.counter("sluice_trace_exports_total", "Requests to the trace collector by how they ended.",
                          {{"result", kNames[static_cast<std::size_t>(outcome)]}});
}

Counter& TraceExporter::dropped(std::string_view reason) {
  return metrics_.counter("sluice_traces_dropped_total",
                          "Exchanges whose spans were to be exported and were not.",
                          {{"reason", std::string(reason)}});
}

void TraceExporter::sample() {
  dropped("queue_full").raise_to(queue_.dropped());
}

}  // namespace sluice
