#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/http/head.h"
#include "gateway/http/stream.h"
#include "gateway/proxy/client_address.h"
#include "gateway/proxy/trace_sampler.h"
#include "gateway/runtime/pooled_allocator.h"
#include "gateway/runtime/random.h"

namespace sluice {

struct PeerCertificate;

// The trace a request belongs to (W3C Trace Context): the client's if its traceparent is valid, else a new
// one; the span is new in any case, it is this gateway's.
struct TraceContext {
  PooledString trace_id;        // 32 hexadecimal digits
  std::uint64_t span_id = 0;    // this gateway's
  std::uint64_t parent_id = 0;  // the client's span, 0 for a new trace
  bool continued = false;       // the client sent one
  bool sampled = false;         // the client's decision; the sampler's for a new trace
  std::uint8_t flags = 0;       // as they are passed on

  // For the backend: version 00, with this gateway's span as the parent.
  std::array<char, 55> traceparent() const noexcept;
};
TraceContext trace_context(const RequestHead& head, Random& random, TraceSampler sampler = {});

// The client's X-Request-Id if it is one (1 to 128 visible characters), else 32 random hexadecimal digits.
PooledString request_id(const RequestHead& head, Random& random);

// The head that backends receive: the client's, with what the gateway says about itself and the client. A
// client cannot speak for a proxy: X-Forwarded-*, X-Real-IP, Forwarded and x-sluice-* are replaced. What a
// trusted proxy says is passed on, its own address added to the lists; but not what it says of a client's
// certificate (X-Forwarded-Client-Cert, Client-Cert), which only whoever saw the handshake can know.
RequestHead upstream_head(const ServerStream& stream, const ClientAddress& client, std::string_view id,
                          const TraceContext& trace);

// The fields behind the client's body that backends receive: those that trailer_fate() keeps, without those
// by which a proxy would speak or which belong to the head that the gateway has written anew. They stay apart
// from the head (RFC 9110 6.5.1).
Headers upstream_trailers(const Headers& trailers);

// A verified client as X-Forwarded-Client-Cert tells it: the certificate's hash, subject, and its names that
// are DNS names or URIs, in the form that Envoy gave the header.
std::string forwarded_client_certificate(const PeerCertificate& certificate);

// Appends this gateway to the list of those a message came through (RFC 9110 7.6.3), all of it in one field.
void add_via(Headers& headers);

}  // namespace sluice
