#pragma once

#include <cstdint>
#include <string_view>

#include "gateway/http/http2/server_connection.h"
#include "gateway/runtime/pooled_allocator.h"
#include "gateway/runtime/signal.h"

namespace sluice::http2 {

// Frames one response (RFC 9113 8.1). The head waits for the first bytes, so that an answer without any is
// one frame. A write that fits into the stream's buffer does not wait; a larger one waits until the frames
// have taken it, which the client's windows decide.
class ServerConnection::Writer final : public ResponseWriter {
 public:
  explicit Writer(Stream& stream);

  Task<Result<void>> start(ResponseHead head) override;
  Task<Result<void>> write(std::string_view bytes) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override;
  std::size_t room() const noexcept override;
  bool head_sent() const noexcept override { return state_ != State::kIdle; }
  bool content_sent() const noexcept override { return content_bytes_ != 0; }
  Duration client_stalled() const noexcept override;

  void set_head_request(bool is_head) noexcept { is_head_ = is_head; }
  bool finished() const noexcept { return state_ == State::kFinished; }

  // From the stream: frames took bytes, or nothing can follow (`stalled`: the client took none for too long).
  void taken() { taken_.notify_all(); }
  void give_up(bool stalled);

 private:
  enum class State : std::uint8_t { kIdle, kStarted, kFinished, kBroken };
  enum class Mode : std::uint8_t { kNoBody, kLength, kOpen };
  class Loan;

  Task<Result<void>> send(std::string_view bytes);
  Task<Result<void>> wait_until_taken();
  Task<Result<void>> wait_for_room();
  void send_head(bool has_body);
  Result<void> gone() const;

  Stream& stream_;
  Signal taken_;
  State state_ = State::kIdle;
  Mode mode_ = Mode::kNoBody;
  bool is_head_ = false;
  bool stalled_ = false;
  std::uint64_t length_ = 0;  // Mode::kLength
  std::uint64_t content_bytes_ = 0;
  PooledPtr<ResponseHead> head_;  // not yet given to the session
};

}  // namespace sluice::http2
