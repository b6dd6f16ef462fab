#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/http/client_stream.h"
#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/http1/head_parser.h"
#include "gateway/http/http1/input_buffer.h"
#include "gateway/http/http1/output.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http1 {

// A connection to a backend that serves one request after the other; reset() begins the next one. It holds a
// read buffer only while it has unread bytes. Threads: the transport's loop.
class ClientConnection final : public ClientStream {
 public:
  ClientConnection(std::unique_ptr<Transport> transport, const HeadLimits& limits);

  Task<Result<void>> send(const RequestHead& head, std::optional<std::uint64_t> length,
                          std::span<const std::string_view> body, bool last, Duration stall,
                          const Headers* trailers = nullptr) override;
  Task<Result<void>> send_body(std::string_view bytes, bool last, Duration stall,
                               const Headers* trailers = nullptr) override;
  Task<Result<ResponseHead>> read_head(TimePoint deadline, const Room* room = nullptr) override;
  Task<Result<BodyPiece>> read(TimePoint deadline, const Room* room = nullptr) override;
  void pause() noexcept override { input_.release_if_empty(); }
  bool has_buffered() const noexcept override { return finished_ || !input_.empty(); }
  void abort() noexcept override { transport_->close(); }
  const Headers* trailers() const noexcept override { return decoder_ ? &decoder_->trailers() : nullptr; }
  bool reusable() const noexcept override;

  // Makes ready for another request on a connection that is reusable(). Call it when the answer was handed
  // on: it gives back the read buffer.
  void reset() noexcept;
  // Nothing has come that nobody asked for, not even the connection's end. Only between two requests.
  bool silent() const noexcept;
  Transport& transport() noexcept { return *transport_; }

 private:
  Task<Result<void>> send_pieces(std::span<const std::string_view> pieces, bool last, Duration stall);
  Task<Result<void>> send_slowly(Task<Sent> sending, bool last);
  Result<void> sent(Sent outcome, bool last);
  Result<void> account(std::uint64_t bytes, bool last);
  void serialize(const RequestHead& head, std::optional<std::uint64_t> length, bool has_body);
  Result<void> filled(InputBuffer::Fill fill);
  std::optional<Result<ResponseHead>> take_head(std::unique_ptr<HeadParser>& incomplete);
  Result<void> accept_head(HeadParser::Response& response, std::size_t head_size);
  Result<BodyPiece> take_buffered();
  std::unexpected<Error> lost(const char* while_what);
  bool answered_too_early() const noexcept;

  std::unique_ptr<Transport> transport_;
  HeadLimits limits_;
  InputBuffer input_;

  bool reused_ = false;
  std::uint64_t idle_since_turn_ = 0;
  std::uint64_t sent_turn_ = 0;
  // The request under way.
  bool to_head_ = false;
  bool chunked_request_ = false;
  bool request_sent_ = false;
  std::uint64_t unsent_ = 0;  // of a body whose length the head told
  bool answered_ = false;     // a byte of the answer was received
  bool keep_alive_ = false;
  bool finished_ = false;
  int interim_ = 0;
  Framing framing_;
  std::uint64_t received_ = 0;
  std::optional<ChunkedDecoder> decoder_;
  PooledString out_;  // the request's head, then chunk sizes; empty when they are sent
};

}  // namespace sluice::http1
