#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gateway/http/downstream_connection.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/http1/head_parser.h"
#include "gateway/http/http1/input_buffer.h"
#include "gateway/http/server_limits.h"
#include "gateway/http/stream.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/child.h"

namespace sluice::http1 {

using sluice::ServerLimits;

// Serves the requests of one HTTP/1 connection, one after the other (RFC 9112 9.3): pipelined requests wait
// in the socket. Where framing is in doubt the connection ends after the answer. When the client leaves, the
// task that serves its request is destroyed in the same loop turn, whatever it was waiting for.
//
// Threads: the transport's loop. Destroying the task of run() cuts the connection.
class ServerConnection final : public DownstreamConnection, private HangupListener, private StreamCanceller {
 public:
  // `received`: what was read of the connection already.
  ServerConnection(std::unique_ptr<Transport> transport, const ServerLimits& limits, StreamHandler& handler,
                   ReceivedBytes received = {});
  ~ServerConnection() override;

  Task<void> run() override;
  // A request whose head is arriving counts as under way.
  void drain() override;
  void end_idle() override;
  bool idle() const noexcept { return work_ == nullptr; }

 private:
  class Body;
  class Writer;

  std::span<const IpNetwork> trusted_proxies() const noexcept {
    return limits_.trusted_proxies ? std::span(*limits_.trusted_proxies) : std::span<const IpNetwork>();
  }

  // The task that a hang-up cancels; forgotten when it ends, also when run() itself is destroyed.
  class WorkScope {
   public:
    WorkScope(ServerConnection& connection, Child<Result<void>>& work) noexcept : connection_(connection) {
      connection_.work_ = &work;
    }
    WorkScope(const WorkScope&) = delete;
    WorkScope& operator=(const WorkScope&) = delete;
    ~WorkScope() { connection_.work_ = nullptr; }

   private:
    ServerConnection& connection_;
  };

  // What becomes of the connection after a request.
  enum class Next : std::uint8_t {
    kKeepAlive,
    kLinger,  // our last answer must not be lost to a reset, so unread input is drained first
    kClose,   // also in the middle of an answer whose framing shows that it is short
    kReset,   // an answer that would have ended by closing was cut
  };

  Task<Next> serve_one();
  Task<Next> serve(HeadParser::Request request, Framing framing, bool expects_continue,
                   TimePoint received_at);
  Task<Next> refuse(Error error, TimePoint received_at);
  Task<void> linger();
  void on_hangup() override;
  void cancel() noexcept override;

  std::unique_ptr<Transport> transport_;
  const ServerLimits& limits_;
  StreamHandler& handler_;
  std::optional<TimePoint> begun_;  // when the bytes came that others have read
  InputBuffer input_;
  Child<Result<void>>* work_ = nullptr;
  bool waiting_for_request_ = false;
  bool draining_ = false;
  bool used_ = false;  // has served a request
};

}  // namespace sluice::http1
