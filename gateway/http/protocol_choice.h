#pragma once

#include <cstdint>
#include <memory>

#include "gateway/http/downstream_connection.h"
#include "gateway/http/received_bytes.h"
#include "gateway/http/server_limits.h"
#include "gateway/net/transport.h"

namespace sluice {

// The first step of a connection: which protocol its client speaks. Over TLS both have agreed on it (RFC
// 7301); a plain client either begins with HTTP/2's preface (RFC 9113 3.3) or speaks HTTP/1. What was read to
// find out is the codec's. Threads: the transport's loop.
class ProtocolChoice final : public DownstreamConnection {
 public:
  enum class Protocol : std::uint8_t {
    kNone,  // the client left, or sent nothing for too long
    kHttp1,
    kHttp2,
  };

  // Transport and limits outlive it.
  ProtocolChoice(Transport& transport, const ServerLimits& limits) noexcept;

  // The first byte is waited for as long as between two requests (idle_timeout), the rest of a preface as
  // long as for a head (head_timeout). A client that stops inside the preface is HTTP/1's to answer: 408.
  Task<void> run() override;
  void drain() override {}
  void end_idle() override { transport_.close(); }

  Protocol protocol() const noexcept { return protocol_; }
  ReceivedBytes take_received() noexcept;

 private:
  bool decide() noexcept;

  Transport& transport_;
  const ServerLimits& limits_;
  Protocol protocol_ = Protocol::kNone;
  ReceivedBytes received_;
};

}  // namespace sluice
