#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/net/tls_failure.h"
#include "gateway/net/tls_library.h"
#include "gateway/net/tls_session_cache.h"
#include "gateway/net/tls_state.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/buffer_pool.h"
#include "gateway/runtime/task.h"

struct bio_st;
struct bio_method_st;

namespace sluice {

class TlsClientContext;
class TlsServerContext;

// TLS over another transport, which it owns. The library reads the inner transport straight into its record
// buffer, as much as one system call yields, and decrypts from there into the reader's; it writes one record
// straight out, and gathers several in a block of the loop's pool to send them at once. Between two reads or
// writes it holds no buffer at all.
//
// A byte counts as written when the kernel has its whole record: what a full socket did not take is kept
// encrypted, and its bytes are not reported until they have left. So close() loses nothing that was reported,
// and the bytes offered next must begin with those that were not taken.
//
// The end of the inner transport without a close_notify is kBroken (RFC 8446 6.1): somebody may have cut the
// connection. The inner transport's hang-ups are passed on as they are. shutdown_write() and close() send
// close_notify; reset(), and the destruction of a server's connection, do not, so that what was cut short
// does not look whole.
//
// A client's close_notify counts as a hang-up as soon as it arrives where watch_for_goodbye() was asked for:
// some clients (Python's asyncio) then wait for ours for up to half a minute before they close the socket.
// The wait is shared with the next reader's and costs no system call of its own.
//
// A reader is woken for bytes of the application, an end or a failure, never for the protocol's own messages:
// an idle connection to a server stays idle when session tickets arrive.
//
// handshake() comes first and ends well before anything else is used. Threads: the loop's of the inner
// transport.
class TlsTransport final : public Transport, private HangupListener {
 public:
  // `sessions` is shared by all that connect for one cluster and shard; `session_key` names the server in it.
  static std::unique_ptr<TlsTransport> server(std::unique_ptr<Transport> inner,
                                              std::shared_ptr<const TlsServerContext> context);
  static std::unique_ptr<TlsTransport> client(std::unique_ptr<Transport> inner,
                                              std::shared_ptr<const TlsClientContext> context,
                                              const std::string& server_name,
                                              std::shared_ptr<TlsSessionCache> sessions,
                                              std::string session_key);
  ~TlsTransport() override;

  // Nothing when it is done, else why not; the peer has then been told, as far as it can be. The transport
  // outlives the task.
  Task<std::optional<TlsRefusal>> handshake(TimePoint deadline);

  IoResult try_read(std::span<char> into) noexcept override;
  IoResult try_write(std::span<const std::string_view> pieces) noexcept override;
  void shutdown_write() noexcept override;
  void close() noexcept override;
  void reset() noexcept override;
  bool may_have_more() const noexcept override { return more_ || inner_->may_have_more(); }
  void watch_for_goodbye() override;
  const std::string& peer() const noexcept override { return inner_->peer(); }
  const TlsState* tls() const noexcept override { return established_ ? &state_ : nullptr; }

  Transport& inner() noexcept { return *inner_; }

  // For TlsClientContext: the library has a session worth keeping. Returns 1 if it was taken over.
  static int on_new_session(ssl_st* ssl, ssl_session_st* session);

 private:
  enum class Role : std::uint8_t { kServer, kClient };

  // One direction of the inner transport.
  struct InnerSide final : ReadyListener {
    InnerSide(TlsTransport& t, Direction d) noexcept : transport(t), direction(d) {}
    void on_ready() override { transport.on_inner_ready(direction); }
    TlsTransport& transport;
    Direction direction;
  };
  // For what was posted to the loop and may run after the transport is gone.
  struct Handle {
    TlsTransport* transport;
  };

  TlsTransport(std::unique_ptr<Transport> inner, std::shared_ptr<const void> context, SslPtr ssl, Role role);

  void arm(Direction direction) override;
  void on_hangup() override { peer_hung_up(); }
  void on_inner_ready(Direction direction);
  bool only_protocol_messages() noexcept;

  TlsRefusal refusal();
  void note_established();

  // The library's way to the inner transport.
  static const bio_method_st* bio_method();
  static int bio_read(bio_st* bio, char* into, int size);
  static int bio_write(bio_st* bio, const char* bytes, int size);
  static long bio_control(bio_st* bio, int command, long number, void* pointer);
  IoResult pull(std::span<char> into) noexcept;
  bool push(std::string_view bytes) noexcept;

  IoResult failed_read(int outcome) noexcept;
  std::size_t encrypt(std::span<const std::string_view> pieces, std::size_t& skip) noexcept;
  bool flush() noexcept;
  std::size_t room() const noexcept;
  void send_close_notify() noexcept;
  bool usable() const noexcept { return established_ && !broken_ && !closed_; }
  bool can_write() const noexcept { return usable() && !write_broken_; }

  std::unique_ptr<Transport> inner_;
  std::shared_ptr<const void> context_;  // shared with the other connections made under it
  SslPtr ssl_;
  Role role_;
  bool established_ = false;
  bool broken_ = false;        // no byte can follow, in either direction
  bool write_broken_ = false;  // the peer takes nothing more; what it sent before can still be read
  bool closed_ = false;
  bool inner_ended_ = false;  // in order, as far as the inner transport knows
  bool drained_ = false;      // the inner transport gave less than asked for in this turn
  bool more_ = false;         // received and not yet read
  bool gathering_ = false;    // records wait in out_ for those that follow
  bool said_goodbye_ = false;
  bool watched_ = false;  // for the peer's goodbye, while nobody reads
  std::optional<char> first_byte_;
  InnerSide read_side_{*this, Direction::kRead};
  InnerSide write_side_{*this, Direction::kWrite};
  std::shared_ptr<Handle> handle_;
  BufferPool::Block out_;  // encrypted and not yet taken by the inner transport
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  std::size_t owed_ = 0;  // bytes in it that were offered and not yet reported as written
  TlsState state_;
  std::shared_ptr<TlsSessionCache> sessions_;  // null for a server
  std::string session_key_;
};

}  // namespace sluice
