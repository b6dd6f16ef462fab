#include "filters/record/record_filter.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gateway/proxy/forwarding.h"
#include "gateway/proxy/responder.h"

namespace sluice {
namespace {

class RecordingWriter final : public ResponseWriter {
 public:
  RecordingWriter(ResponseWriter& inner, Exchange& exchange) noexcept
      : inner_(inner), record_(exchange.record), id_(exchange.record.id) {}

  Task<Result<void>> start(ResponseHead head) override {
    record_.status = head.status;
    is_event_stream_ = head.headers.get(HeaderId::kContentType).starts_with("text/event-stream") &&
                       !head.headers.has(HeaderId::kContentEncoding);
    head.headers.set(HeaderId::kXRequestId, id_);
    add_via(head.headers);
    return inner_.start(std::move(head));
  }
  Task<Result<void>> write(std::string_view bytes) override {
    record_.response_bytes += bytes.size();
    note_tail(bytes);
    return inner_.write(bytes);
  }
  Task<Result<void>> flush() override { return inner_.flush(); }
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override {
    record_.response_bytes += bytes.size();
    const Result<void> finished = co_await inner_.finish(bytes, trailers);
    if (finished) record_.state = ExchangeState::kDone;
    co_return finished;
  }
  std::size_t room() const noexcept override { return inner_.room(); }
  bool head_sent() const noexcept override { return inner_.head_sent(); }
  bool content_sent() const noexcept override { return inner_.content_sent(); }
  // One more event can follow: in the middle of another it would become part of that one.
  bool may_add_event() const noexcept { return is_event_stream_ && between_events(); }

 private:
  void note_tail(std::string_view bytes) {
    if (!is_event_stream_) return;
    if (bytes.size() < kTail) {
      tail_.append(bytes);
      tail_.erase(0, tail_.size() - std::min(tail_.size(), kTail));
    } else {
      tail_.assign(bytes.data() + bytes.size() - kTail, kTail);
    }
  }
  // The last line was blank, its end being CR, LF or CRLF.
  bool between_events() const noexcept {
    std::string_view tail = tail_;
    if (tail.empty()) return true;
    if (tail.ends_with("\r\n")) {
      tail.remove_suffix(2);
    } else if (tail.ends_with('\n') || tail.ends_with('\r')) {
      tail.remove_suffix(1);
    } else {
      return false;
    }
    return tail.ends_with('\n') || tail.ends_with('\r');
  }

  static constexpr std::size_t kTail = 3;  // what ends two lines, but for a CR that says nothing more

  ResponseWriter& inner_;
  ExchangeRecord& record_;
  std::string_view id_;
  bool is_event_stream_ = false;
  std::string tail_;  // the last bytes of an event stream
};

// Runs also when the client has left and the frame is destroyed.
class Settle {
 public:
  Settle(Loop& loop, ExchangeRecord& record, const ResponseWriter& client, ExchangeSink& sink) noexcept
      : loop_(loop), record_(record), client_(client), sink_(sink) {}
  Settle(const Settle&) = delete;
  ~Settle() {
    record_.ended_at = loop_.time().now();  // not the event's: an exchange may be one event from end to end
    record_.client_stalled = client_.client_stalled();
    if (record_.state != ExchangeState::kDone && !record_.error) record_.error = ErrorKind::kClientGone;
    if (record_.status == 0) {
      const bool killed = record_.error == ErrorKind::kKilled;
      record_.status = traits(killed ? ErrorKind::kKilled : ErrorKind::kClientGone).status;
    }
    sink_.ended(record_);
  }

 private:
  Loop& loop_;
  ExchangeRecord& record_;
  const ResponseWriter& client_;
  ExchangeSink& sink_;
};

// Apart, so that the frame that waits for the answer has no room for what an error needs.
[[gnu::noinline]] Task<Result<void>> tell(Exchange& exchange, RecordingWriter& writer, Error&& error) {
  exchange.record.note_error(error);
  std::string allow;
  if (error.kind == ErrorKind::kMethodNotAllowed)
    allow = exchange.routes->matcher().allowed_methods(exchange.head(), exchange.client.text);
  if (exchange.error_format() == ErrorFormat::kPlain)
    return respond_plain(std::move(error), writer, exchange.record.id, std::move(allow));
  return respond(std::move(error), writer, writer.may_add_event(), std::move(allow));
}

}  // namespace

Task<Result<void>> RecordFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  Settle settle(loop_, exchange.record, client, sink_);
  RecordingWriter writer(client, exchange);
  Result<void> outcome = co_await next(exchange, writer);
  if (outcome) co_return outcome;
  co_return co_await tell(exchange, writer, std::move(outcome.error()));
}

}  // namespace sluice
