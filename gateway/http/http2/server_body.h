#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/http/http2/piece_buffer.h"
#include "gateway/http/http2/server_connection.h"
#include "gateway/runtime/pooled_allocator.h"
#include "gateway/runtime/signal.h"

namespace sluice::http2 {

// A request's body. What arrives waits here until it is read, at most a stream's window of it: the client is
// given room for more only when a piece that was read is no longer borrowed. Limits and errors are those of
// HTTP/1: kBodyTooLarge, kRequestTimeout, kClientGone.
class ServerConnection::Body final : public BodyReader {
 public:
  explicit Body(Stream& stream);

  Task<Result<BodyPiece>> read() override;
  std::optional<std::uint64_t> length() const noexcept override { return length_; }
  std::uint64_t limit() const noexcept override { return limit_; }
  void set_limit(std::uint64_t max_bytes) noexcept override { limit_ = max_bytes; }
  const Headers* trailers() const noexcept override { return trailers_.get(); }

  void expect(std::optional<std::uint64_t> length, bool expects_continue) noexcept;

  // From the session.
  void arrived(std::string_view bytes);
  // False if a trailer makes the message malformed.
  bool trailer(std::string_view name, std::string_view value);
  void ended();

  // The final answer has begun: 100 Continue must not follow it (RFC 9110 10.1.1).
  void answer_started() noexcept { expects_continue_ = false; }
  // Nobody reads any more: what is here and what comes is dropped.
  void discard();

 private:
  Result<BodyPiece> take();
  Task<Result<BodyPiece>> read_slowly();
  std::unexpected<Error> failure(ErrorKind kind, const char* detail);
  TimePoint wait_until() const noexcept;
  void give_back(std::size_t bytes);

  Stream& stream_;
  Signal changed_;
  PieceBuffer arriving_;
  PooledPtr<Headers> trailers_;  // if there are any
  std::size_t trailer_bytes_ = 0;
  std::optional<std::uint64_t> length_;
  std::uint64_t limit_;
  std::uint64_t received_ = 0;
  Duration waited_{};
  bool expects_continue_ = false;
  bool ended_ = false;  // the client sent its last byte
  bool failed_ = false;
  bool discarding_ = false;
};

}  // namespace sluice::http2
