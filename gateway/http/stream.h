#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/base/ip_network.h"
#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

struct TlsState;

// Part of a message body as it arrived. `bytes` may be empty only in the last piece.
struct BodyPiece {
  std::string_view bytes;
  bool last = false;
};

// The source of a message body, decoded (no chunk framing). read() suspends until something arrived; its
// bytes are borrowed until the next read(). After the last piece every further read() yields an empty last
// piece at once, and lets go of the buffer that the last one was in.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  virtual Task<Result<BodyPiece>> read() = 0;
  // Known from Content-Length; nullopt when the body ends by itself.
  virtual std::optional<std::uint64_t> length() const noexcept = 0;
  // The most bytes the body may have: the listener's setting, unless a route's replaced it before the first
  // read().
  virtual std::uint64_t limit() const noexcept = 0;
  virtual void set_limit(std::uint64_t max_bytes) noexcept = 0;
  // Fields that followed the body, null or empty if none; complete after the last piece.
  virtual const Headers* trailers() const noexcept { return nullptr; }
};

// What takes bytes, seen by whoever reads them on its behalf.
class Room {
 public:
  // So many it takes at any time: a reader may ask for as much when there is no room at all.
  static constexpr std::size_t kLeast = 512;
  // How many bytes can be passed on at the moment without being held, as far as that is known; at least
  // kLeast.
  virtual std::size_t room() const noexcept = 0;

 protected:
  ~Room() = default;
};

// Where a response goes. start(), then any number of write(), then finish(): each suspends until the next hop
// has room for what it took, which is the backpressure. Bytes are borrowed until the await returns. A head
// may be held back to leave together with the first bytes; flush() sends what is held, and waits where what
// was written has yet to leave and there is no room for more. Errors (kClientGone) are final.
//
// Two facts are kept apart: a head that was sent does not forbid a retry, content that was sent does.
class ResponseWriter : public Room {
 public:
  virtual ~ResponseWriter() = default;
  virtual Task<Result<void>> start(ResponseHead head) = 0;
  virtual Task<Result<void>> write(std::string_view bytes) = 0;
  virtual Task<Result<void>> flush() = 0;
  // The last bytes, possibly none, and trailers where the protocol can carry them.
  virtual Task<Result<void>> finish(std::string_view bytes, const Headers* trailers = nullptr) = 0;

  std::size_t room() const noexcept override { return SIZE_MAX; }
  virtual bool head_sent() const noexcept = 0;
  virtual bool content_sent() const noexcept = 0;
  // How long the client has had no room for what was written, all in all: in its windows or its socket.
  virtual Duration client_stalled() const noexcept { return {}; }
};

// Ends the task that serves a request from outside, as the client's departure does: in the same loop turn,
// whatever it waits for. The client sees its answer cut.
class StreamCanceller {
 public:
  virtual void cancel() noexcept = 0;

 protected:
  ~StreamCanceller() = default;
};

// One request as a server's codec hands it over, whatever the protocol.
struct ServerStream {
  const RequestHead& head;
  BodyReader& body;
  ResponseWriter& client;
  std::string_view peer;      // address of the client
  std::string_view protocol;  // "HTTP/1.1", "HTTP/1.0", "HTTP/2"
  TimePoint received_at;      // when its first byte was read
  // Never from inside the task itself; null where nobody can cancel it.
  StreamCanceller* canceller = nullptr;
  // Of the listener: whose word about the client is believed. To be read before the first suspension.
  std::span<const IpNetwork> trusted_proxies = {};
  // Of the connection, with the client's certificate if it showed one; null where it is not encrypted.
  const TlsState* tls = nullptr;
  // Backends are told of that certificate.
  bool forward_client_certificate = false;
};

// Told by the codec about one request that it refused itself, before there was a head.
struct RefusedRequest {
  const Error& error;
  ResponseWriter& client;
  std::string_view peer;
  TimePoint received_at;
  std::string_view protocol = "HTTP/1.1";
};

// Serves the requests of a listener: the gateway's proxy, its admin pages, the bundled worker.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Must answer through stream.client. An error result means that the answer could not be completed; the
  // codec then cuts the stream so that the client cannot take what it has for a whole answer. The task is
  // destroyed when the client leaves. `stream` outlives the task.
  virtual Task<Result<void>> serve(ServerStream& stream) = 0;
  // Answers a request that the codec could not accept.
  virtual Task<Result<void>> refuse(RefusedRequest refused) = 0;
};

}  // namespace sluice
