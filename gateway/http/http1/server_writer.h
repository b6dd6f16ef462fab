#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/http/http1/output.h"
#include "gateway/http/http1/server_connection.h"
#include "gateway/http/stall_clock.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http1 {

// Frames one response (RFC 9112 6, 7.1): by its length where it is known, else chunked, else (HTTP/1.0) by
// closing. The head waits for the first bytes so that a small answer is one system call.
class ServerConnection::Writer final : public ResponseWriter {
 public:
  struct Request {
    bool is_http10 = false;
    bool is_head = false;
    bool keep_alive = true;
  };

  // `body` is null for a request that was refused before it had one.
  Writer(ServerConnection& connection, const Request& request, Body* body) noexcept
      : connection_(connection), request_(request), body_(body) {}

  Task<Result<void>> start(ResponseHead head) override;
  Task<Result<void>> write(std::string_view bytes) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> finish(std::string_view bytes, const Headers* trailers) override;
  bool head_sent() const noexcept override { return state_ != State::kIdle; }
  bool content_sent() const noexcept override { return content_bytes_ != 0; }
  Duration client_stalled() const noexcept override;

  bool finished() const noexcept { return state_ == State::kFinished; }
  // How to cut an answer: one that ends by closing looks whole unless it is reset (the others are visibly
  // short), and to a client that takes nothing a reset frees what the kernel holds for it.
  bool needs_reset() const noexcept { return mode_ == Mode::kUntilClose || stalled_; }
  // Valid once finished.
  bool keeps_alive() const noexcept { return request_.keep_alive; }

 private:
  enum class State : std::uint8_t { kIdle, kStarted, kFinished, kBroken };
  enum class Mode : std::uint8_t { kNoBody, kLength, kChunked, kUntilClose };

  Task<Result<void>> send(std::string_view bytes, std::string_view end);
  Task<Result<void>> send_slowly(Task<Sent> sending);
  Result<void> sent(Sent outcome);

  ServerConnection& connection_;
  Request request_;
  Body* body_;
  State state_ = State::kIdle;
  bool stalled_ = false;
  StallClock stall_;
  Mode mode_ = Mode::kNoBody;
  std::uint64_t length_ = 0;  // Mode::kLength
  std::uint64_t content_bytes_ = 0;
  PooledString head_;  // serialised, not yet sent
  std::string end_;    // last chunk and trailers while they are being sent
  char chunk_size_[20];
};

}  // namespace sluice::http1
