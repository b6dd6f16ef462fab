#include "gateway/http/http2/server_stream.h"

#include <nghttp2/nghttp2.h>

#include <utility>

namespace sluice::http2 {

ServerConnection::Stream::Stream(ServerConnection& connection, std::int32_t id)
    : connection_(connection),
      id_(id),
      received_at_(connection.loop_.now()),
      fields_(make_pooled<RequestFields>(connection.limits_.head)),
      out_(*connection.session_, connection.sender_, *this),
      body_(*this),
      writer_(*this),
      stall_(&stalled_too_long, this) {
  out_.attach(id);
}

ServerConnection::Stream::~Stream() {
  end_stall();
}

bool ServerConnection::Stream::complete_head() {
  std::expected<RequestFields::Request, RequestFields::Failure> made = fields_->finish();
  if (made) {
    head_ = std::move(made->head);
    body_.expect(made->length, made->expects_continue);
    writer_.set_head_request(head_.method == Method::kHead);
  } else if (made.error().malformed) {
    return false;
  } else {
    refusal_ = std::move(made.error().error);
  }
  fields_.reset();
  return true;
}

void ServerConnection::Stream::cancel() noexcept {
  if (work_ != nullptr) work_->cancel();
}

void ServerConnection::Stream::work_ended(bool answered) {
  if (closed_) return connection_.remove(*this);
  body_.discard();
  // Cancelled, or failed in the middle of an answer: the client must not take what it has for all of it.
  if (answered) return;
  failing_ = true;
  reset_if_failing();
}

// What was written before the failure tells of it, an error event perhaps: it goes first.
void ServerConnection::Stream::reset_if_failing() {
  if (failing_ && out_.empty()) reset(ErrorCode::kInternalError);
}

void ServerConnection::Stream::reset(ErrorCode code) {
  if (closed_ || std::exchange(reset_sent_, true)) return;
  out_.abandon();
  end_stall();
  nghttp2_submit_rst_stream(connection_.session_.get(), NGHTTP2_FLAG_NONE, id_,
                            static_cast<std::uint32_t>(code));
  connection_.sender_.schedule();
}

void ServerConnection::Stream::close() noexcept {
  closed_ = true;
  out_.abandon();
  end_stall();
  body_.discard();
}

void ServerConnection::Stream::has_unsent() noexcept {
  if (!stalled_.running() && !ListNode<Unsent>::linked()) connection_.unsent_.push_back(*this);
}

void ServerConnection::Stream::note_stall() {
  if (closed_ || stalled_.running() || !out_.pending()) return;
  const TimePoint now = connection_.loop_.now();
  stalled_.begin(now);
  connection_.stalled_.push_back(*this);
  ++connection_.counts_.stalled_streams;
  connection_.loop_.arm(stall_, now + connection_.limits_.write_timeout);
}

void ServerConnection::Stream::on_body_taken() {
  if (stalled_.running()) {
    if (!out_.pending()) {
      end_stall();
    } else {
      connection_.loop_.arm(stall_, connection_.loop_.now() + connection_.limits_.write_timeout);
    }
  }
  if (!out_.lent()) writer_.taken();
  reset_if_failing();
}

void ServerConnection::Stream::end_stall() noexcept {
  stall_.disarm();
  if (!stalled_.running()) return;
  stalled_.end(connection_.loop_.now());
  ListNode<Stalled>::unlink();
  --connection_.counts_.stalled_streams;
}

void ServerConnection::Stream::stalled_too_long(void* self) {
  auto& stream = *static_cast<Stream*>(self);
  ++stream.connection_.counts_.write_timeouts;
  stream.reset(ErrorCode::kCancel);
  stream.writer_.give_up(true);
}

}  // namespace sluice::http2
