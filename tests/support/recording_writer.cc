#include "tests/support/recording_writer.h"

#include <utility>

namespace sluice::test {

Task<Result<void>> RecordingWriter::next_operation() {
  if (failed_) ++after_failure_;
  ++operations_;
  if (operations_ == stall_at_) co_await room_.wait();
  if (failed_ || operations_ == fail_at_) {
    failed_ = true;
    co_return fail(ErrorKind::kClientGone, "the test's client left");
  }
  co_return Result<void>();
}

void RecordingWriter::take(std::string_view bytes) {
  if (bytes.empty()) return;
  body_.append(bytes);
  writes_.emplace_back(bytes);
}

Task<Result<void>> RecordingWriter::start(ResponseHead head) {
  // A head counts as sent from here on, as with the codecs, which may hold it back.
  ++starts_;
  head_ = std::move(head);
  co_return co_await next_operation();
}

Task<Result<void>> RecordingWriter::write(std::string_view bytes) {
  Result<void> ok = co_await next_operation();
  if (ok) take(bytes);
  co_return ok;
}

Task<Result<void>> RecordingWriter::flush() {
  return next_operation();
}

Task<Result<void>> RecordingWriter::finish(std::string_view bytes, const Headers* trailers) {
  Result<void> ok = co_await next_operation();
  if (!ok) co_return ok;
  take(bytes);
  if (trailers != nullptr) trailers_ = *trailers;
  ++finishes_;
  co_return ok;
}

}  // namespace sluice::test
