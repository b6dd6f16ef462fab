#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/client_stream.h"
#include "gateway/http/http2/client_connection.h"
#include "gateway/http/http2/outgoing_body.h"
#include "gateway/http/http2/piece_buffer.h"
#include "gateway/runtime/signal.h"

namespace sluice::http2 {

// One request on a connection. What arrives of the answer waits here until it is read, at most
// ClientLimits::stream_window bytes with those that are lent to the reader. Destroying it before both
// directions ended resets the stream with CANCEL in the same loop turn.
//
// Errors as ClientStream's; what the backend did not process (REFUSED_STREAM, a stream above GOAWAY's last)
// is always retriable, what it reset with any other code never. Threads: the connection's loop, which
// outlives it as the connection does.
class RequestStream final : public ClientStream,
                            public ListNode<ClientConnection>,
                            private OutgoingBody::Listener {
 public:
  explicit RequestStream(ClientConnection& connection);
  RequestStream(const RequestStream&) = delete;
  RequestStream& operator=(const RequestStream&) = delete;
  ~RequestStream() override;

  Task<Result<void>> send(const RequestHead& head, std::optional<std::uint64_t> length,
                          std::span<const std::string_view> body, bool last, Duration stall,
                          const Headers* trailers = nullptr) override;
  Task<Result<void>> send_body(std::string_view bytes, bool last, Duration stall,
                               const Headers* trailers = nullptr) override;
  Task<Result<ResponseHead>> read_head(TimePoint deadline, const Room* room = nullptr) override;
  Task<Result<BodyPiece>> read(TimePoint deadline, const Room* room = nullptr) override;
  void pause() noexcept override;
  bool has_buffered() const noexcept override { return ended_ || !arriving_.empty(); }
  const Headers* trailers() const noexcept override { return &trailers_; }
  void abort() noexcept override;
  bool reusable() const noexcept override { return ended_ && request_sent_ && !failure_; }

  // An answer, or more of one, may still come.
  bool expects_more() const noexcept { return !ended_ && !failure_; }
  // Unread bytes and those lent to the reader.
  std::size_t held_bytes() const noexcept { return arriving_.held(); }

 private:
  friend class ClientConnection;
  class Lent;

  // What the session tells of this stream. field() is false if the answer is refused for it.
  void head_begins() noexcept;
  bool field(std::string_view name, std::string_view value);
  void head_ends();
  void content(std::string_view bytes);
  void ends();
  void reset_received() noexcept { reset_by_peer_ = true; }
  void malformed(const char* why);
  void closed(ErrorCode code);
  void connection_lost(ErrorKind kind, const std::string& detail);

  void fail_with(ErrorKind kind, std::string detail, Retriable retriable);
  void cancel() noexcept;
  Result<void> account(std::uint64_t bytes, bool last);
  bool write(std::string_view bytes, bool last, const Headers* trailers);
  Task<Result<void>> send_slowly(std::vector<std::string_view> rest, bool last, Duration stall,
                                 const Headers* trailers);
  Result<void> sending_result() const;
  Result<BodyPiece> take();
  Task<Result<BodyPiece>> read_slowly(TimePoint deadline);
  void give_back(std::size_t bytes);
  bool status(std::string_view value) noexcept;
  void on_body_taken() override;

  // Interim answers before the final one; more is a backend gone wrong.
  static constexpr int kMaxInterim = 8;

  ClientConnection& connection_;
  std::int32_t id_ = 0;
  OutgoingBody body_;
  Signal arrived_;
  Signal taken_;

  // The request.
  bool reused_ = false;     // nothing else was under way on a connection that had answered before
  bool until_end_ = false;  // its length was not told
  std::uint64_t unsent_ = 0;
  bool request_ended_ = false;  // its last byte was given to body_
  bool request_sent_ = false;
  bool closed_ = false;  // the session knows it no more

  // The answer.
  bool answered_ = false;
  bool head_done_ = false;
  bool ended_ = false;
  bool reset_by_peer_ = false;
  int interim_ = 0;
  std::size_t head_bytes_ = 0;
  std::size_t fields_ = 0;
  ResponseHead head_;
  Headers trailers_;
  PieceBuffer arriving_;
  std::optional<Error> failure_;
};

}  // namespace sluice::http2
