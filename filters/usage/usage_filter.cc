#include "filters/usage/usage_filter.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "gateway/llm/usage.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice {
namespace {

class MeteringWriter final : public ResponseWriter {
 public:
  MeteringWriter(ResponseWriter& inner, ExchangeRecord& record, Loop& loop, Histogram* gaps) noexcept
      : inner_(inner), record_(record), loop_(loop), gaps_(gaps) {}

  Task<Result<void>> start(ResponseHead head) override {
    const std::string_view type = head.headers.get(HeaderId::kContentType);
    if (head.headers.has(HeaderId::kContentEncoding)) {
      // Compressed: nothing to read in it.
    } else if (type.starts_with("text/event-stream")) {
      meter_ = make_pooled<llm::StreamUsage>();
    } else if (type.starts_with("application/json")) {
      meter_ = make_pooled<llm::BodyUsage>();
    }
    return inner_.start(std::move(head));
  }
  Task<Result<void>> write(std::string_view bytes) override {
    observe(bytes);
    return inner_.write(bytes);
  }
  Task<Result<void>> flush() override { return inner_.flush(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override {
    observe(bytes);
    if (auto* body = std::get_if<Body>(&meter_)) record_.usage = (*body)->usage();
    return inner_.finish(bytes, trailers);
  }
  std::size_t room() const noexcept override { return inner_.room(); }
  bool head_sent() const noexcept override { return inner_.head_sent(); }
  bool content_sent() const noexcept override { return inner_.content_sent(); }

 private:
  // Apart from the writer, which most of an exchange's time needs neither or only one of them.
  using Events = PooledPtr<llm::StreamUsage>;
  using Body = PooledPtr<llm::BodyUsage>;

  void observe(std::string_view bytes) {
    if (bytes.empty()) return;
    if (Events* held = std::get_if<Events>(&meter_)) {
      llm::StreamUsage& events = **held;
      events.feed(bytes);
      if (events.usage()) record_.usage = events.usage();
      if (events.content_events() == record_.content_events) return;
      record_.content_events = events.content_events();
    } else if (Body* body = std::get_if<Body>(&meter_)) {
      (*body)->feed(bytes);
    }
    note_content();
  }

  void note_content() noexcept {
    const TimePoint now = loop_.now();
    if (!record_.first_content_at) {
      record_.first_content_at = now;
    } else if (std::holds_alternative<Events>(meter_)) {
      // Only an event stream's pieces are steps of the model; how a body is cut is the network's doing.
      const Duration gap = now - *record_.last_content_at;
      record_.longest_gap = std::max(record_.longest_gap, gap);
      if (gaps_ != nullptr) gaps_->observe(std::chrono::duration<double>(gap).count());
    }
    record_.last_content_at = now;
  }

  ResponseWriter& inner_;
  ExchangeRecord& record_;
  Loop& loop_;
  Histogram* gaps_;
  std::variant<std::monostate, Events, Body> meter_;
};

}  // namespace

Task<Result<void>> UsageFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  const auto found = std::ranges::find(gaps_, exchange.target, [](const auto& entry) { return entry.first; });
  MeteringWriter writer(client, exchange.record, loop_, found == gaps_.end() ? nullptr : found->second);
  co_return co_await next(exchange, writer);
}

}  // namespace sluice
