#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/http2/client_limits.h"
#include "gateway/http/http2/flood_guard.h"
#include "gateway/http/http2/frame_sender.h"
#include "gateway/http/http2/session.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/loop.h"

namespace sluice::http2 {

class RequestStream;

// A connection to a backend that serves many requests side by side, each a RequestStream. It reads whatever
// arrives at once, so that a stream whose reader is slow stalls itself alone: the connection's window is
// given back as bytes arrive, a stream's as they are read. What all streams send in one loop turn leaves in
// one write at its end.
//
// The backend's GOAWAY ends it softly: it takes no new streams, those that the backend will not process fail
// as retriable, the others end in their time. A protocol error, a flood, an unanswered PING or the
// connection's end fails them all.
//
// Threads: the transport's loop. Outlives its streams; owner and counters outlive it.
class ClientConnection final : private ReadyListener, private FrameSender::Owner {
 public:
  class Owner {
   public:
    // room(), draining() or over() may have changed. Called at a loop turn's end; may destroy the connection.
    virtual void on_connection_changed(ClientConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  // How many requests it takes until the backend says how many; RFC 9113 6.5.2 asks it for no fewer.
  static constexpr std::size_t kStreamsBeforeSettings = 100;

  // `scheme`: "http" or "https", a literal.
  ClientConnection(std::unique_ptr<Transport> transport, const ClientLimits& limits,
                   const ClientCounts& counts, std::string_view scheme, Owner& owner);
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;
  // Says GOAWAY if it still can.
  ~ClientConnection();

  // How many more requests it takes now.
  std::size_t room() const noexcept;
  std::size_t streams() const noexcept { return stream_count_; }
  // A request on this connection. Where there was no room, or is none any more when it is sent, the request
  // waits for it or fails as retriable.
  std::unique_ptr<RequestStream> begin();

  // Takes no new requests.
  void drain() noexcept { draining_ = true; }
  bool draining() const noexcept { return draining_; }
  // Nothing more will come of it.
  bool over() const noexcept { return lost_ || (draining_ && stream_count_ == 0); }

 private:
  friend class RequestStream;
  struct Callbacks;

  void start();
  void remove(RequestStream& stream) noexcept;
  bool feed(std::string_view bytes);
  // The connection's end for that reason.
  void lose(ErrorKind kind, const std::string& detail);
  void changed() { loop_.at_turn_end(change_); }
  void watch() noexcept;
  void on_silence();

  // What the session tells.
  void frame_begins(std::uint8_t type, std::uint8_t flags, std::size_t length, bool awaited);
  void content_received();
  void goaway_received();
  void settings_received();
  void frame_sent(std::uint8_t type, std::uint32_t goaway_code);

  void on_ready() override;
  void on_flushed() override;
  void on_send_failed(bool stalled) override;

  std::unique_ptr<Transport> transport_;
  Loop& loop_;
  ClientLimits limits_;
  ClientCounts counts_;
  std::string_view scheme_;
  Owner& owner_;
  SessionPtr session_;
  FrameSender sender_;
  FloodGuard guard_;
  TurnEnd change_;
  Timer silence_;
  TimePoint received_at_;
  bool ping_sent_ = false;
  bool greeted_ = false;  // the backend's SETTINGS are here
  bool used_ = false;     // has answered a request
  bool draining_ = false;
  bool flooded_ = false;
  bool padding_hides_use_ = false;  // of the DATA frame under way: its content earns what its head did not
  bool broken_ = false;             // the backend broke the protocol; GOAWAY told it so
  bool lost_ = false;
  std::size_t stream_count_ = 0;
  IntrusiveList<RequestStream, ClientConnection> streams_;
};

}  // namespace sluice::http2
