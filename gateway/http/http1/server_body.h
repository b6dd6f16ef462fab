#pragma once

#include <cstdint>
#include <optional>

#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/http1/server_connection.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http1 {

// A request's body. Enforces max_body_bytes as it reads, and the minimum rate while it waits for the client:
// time that the gateway itself takes to use what came is not held against the client. Errors: kBodyTooLarge,
// kRequestTimeout, kMalformedRequest, kClientGone.
class ServerConnection::Body final : public BodyReader {
 public:
  Body(ServerConnection& connection, const Framing& framing, bool expects_continue);

  Task<Result<BodyPiece>> read() override;
  std::optional<std::uint64_t> length() const noexcept override;
  std::uint64_t limit() const noexcept override { return limit_; }
  void set_limit(std::uint64_t max_bytes) noexcept override { limit_ = max_bytes; }
  const Headers* trailers() const noexcept override { return decoder_ ? &decoder_->trailers() : nullptr; }

  // What is left of the body has arrived already, so that the next request can be found behind it. Uses up
  // nothing: the handler may still be reading while it answers. False for an unfinished chunked body, whose
  // end could be told only by decoding it.
  bool fully_received() const noexcept;
  // Drops what fully_received() spoke of; false if the body is not at its end after that.
  bool skip_rest();
  // The final answer has begun: 100 Continue must not follow it (RFC 9110 10.1.1).
  void answer_started() noexcept { expects_continue_ = false; }

 private:
  Result<BodyPiece> take_buffered();
  std::unexpected<Error> failure(ErrorKind kind, const char* detail);
  TimePoint wait_until() const noexcept;

  ServerConnection& connection_;
  Framing framing_;
  PooledPtr<ChunkedDecoder> decoder_;  // of a chunked body
  std::uint64_t limit_;
  std::uint64_t received_ = 0;
  Duration waited_{};
  bool expects_continue_;
  bool finished_;
  bool failed_ = false;
};

}  // namespace sluice::http1
