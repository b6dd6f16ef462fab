#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gateway/http/head.h"
#include "gateway/http/stream.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// One request to a backend, whatever the protocol: send the request, read the answer; the two directions may
// be awaited side by side. Deadlines bound each wait. Destroying the task that waits abandons the request;
// the connection under it is then closed, or the stream reset, by whoever owns it.
//
// Errors of sending: kUpstreamReset (the backend closed; it may still have answered, so read the head before
// giving up), kUpstreamTimeout. Of reading: kUpstreamReset, kUpstreamTimeout, kUpstreamMalformed,
// kUpstreamCut (in the body). An error is retriable when no byte of an answer was received.
class ClientStream {
 public:
  virtual ~ClientStream() = default;

  // The head and, as one write, the body's first pieces. `length` is the body's whole length; nullopt lets it
  // end by itself. `last`: the pieces are the whole body. At most kMaxPieces pieces, whose bytes, not the
  // span, are borrowed until the await returns.
  //
  // `trailers`, with the last piece, are the fields behind the body (RFC 9110 6.5), borrowed until the await
  // returns; null or empty if there are none. HTTP/2 sends them, HTTP/1 leaves them out as RFC 9110 6.5.1
  // allows: servers in use (uvicorn with httptools) append them to the head, where a client could then say
  // what it must not.
  static constexpr std::size_t kMaxPieces = 12;
  virtual Task<Result<void>> send(const RequestHead& head, std::optional<std::uint64_t> length,
                                  std::span<const std::string_view> body, bool last, Duration stall,
                                  const Headers* trailers = nullptr) = 0;
  virtual Task<Result<void>> send_body(std::string_view bytes, bool last, Duration stall,
                                       const Headers* trailers = nullptr) = 0;

  // The final head; interim (1xx) answers are dropped, a bounded number of them. `room` is of the one who
  // gets the answer, null if he takes it all: where the protocol can leave the rest with the backend, no more
  // is read at once than there is room for.
  virtual Task<Result<ResponseHead>> read_head(TimePoint deadline, const Room* room = nullptr) = 0;
  // As BodyReader::read.
  virtual Task<Result<BodyPiece>> read(TimePoint deadline, const Room* room = nullptr) = 0;
  // Nobody reads for a while: the last piece is no longer borrowed, and no memory is kept for the next one.
  virtual void pause() noexcept = 0;
  // Part of the answer's body has arrived, so that read() will not wait.
  virtual bool has_buffered() const noexcept = 0;
  virtual const Headers* trailers() const noexcept = 0;

  // Gives the request up: whoever waits for the answer gets an error in this loop turn.
  virtual void abort() noexcept = 0;

  // The answer was received whole and the connection under it may serve another request.
  virtual bool reusable() const noexcept = 0;
};

}  // namespace sluice
