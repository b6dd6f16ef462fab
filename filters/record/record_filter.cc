#include "filters/record/record_filter.h"

#include <utility>

#include "gateway/proxy/forwarding.h"
#include "gateway/proxy/responder.h"

namespace sluice {
namespace {

class RecordingWriter final : public ResponseWriter {
 public:
  RecordingWriter(ResponseWriter& inner, Exchange& exchange) noexcept
      : inner_(inner), record_(exchange.record), id_(exchange.request->id) {}

  Task<Result<void>> start(ResponseHead head) override {
    record_.status = head.status;
    is_event_stream_ = head.headers.get(HeaderId::kContentType).starts_with("text/event-stream");
    head.headers.set(HeaderId::kXRequestId, id_);
    const std::string via(head.headers.get(HeaderId::kVia));
    head.headers.set(HeaderId::kVia, via.empty() ? std::string(kVia) : via + ", " + std::string(kVia));
    return inner_.start(std::move(head));
  }
  Task<Result<void>> write(std::string_view bytes) override {
    record_.response_bytes += bytes.size();
    return inner_.write(bytes);
  }
  Task<Result<void>> flush() override { return inner_.flush(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override {
    record_.response_bytes += bytes.size();
    const Result<void> finished = co_await inner_.finish(bytes, trailers);
    if (finished) record_.state = ExchangeState::kDone;
    co_return finished;
  }
  bool head_sent() const noexcept override { return inner_.head_sent(); }
  bool content_sent() const noexcept override { return inner_.content_sent(); }
  bool is_event_stream() const noexcept { return is_event_stream_; }

 private:
  ResponseWriter& inner_;
  ExchangeRecord& record_;
  const std::string& id_;
  bool is_event_stream_ = false;
};

// Runs also when the client has left and the frame is destroyed.
class Settle {
 public:
  Settle(Loop& loop, ExchangeRecord& record, ExchangeSink& sink) noexcept
      : loop_(loop), record_(record), sink_(sink) {}
  Settle(const Settle&) = delete;
  ~Settle() {
    record_.ended_at = loop_.now();
    if (record_.state != ExchangeState::kDone && !record_.error) record_.error = ErrorKind::kClientGone;
    if (record_.status == 0) record_.status = traits(ErrorKind::kClientGone).status;
    sink_.ended(record_);
  }

 private:
  Loop& loop_;
  ExchangeRecord& record_;
  ExchangeSink& sink_;
};

}  // namespace

Task<Result<void>> RecordFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  Settle settle(loop_, exchange.record, sink_);
  RecordingWriter writer(client, exchange);
  Result<void> outcome = co_await next(exchange, writer);
  if (!outcome) {
    exchange.record.note_error(outcome.error());
    outcome = co_await respond(std::move(outcome.error()), writer, writer.is_event_stream());
  }
  co_return outcome;
}

}  // namespace sluice
