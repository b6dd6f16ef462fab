#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/http/head.h"
#include "gateway/http/stream.h"
#include "gateway/llm/body_buffer.h"
#include "gateway/llm/request_view.h"

namespace sluice {

// What a client asked for, immutable once read. Shared by its exchange and by every call made for it, which
// may outlive the exchange; `live_body` may not.
struct Request {
  RequestHead
      upstream_head;  // as every attempt sends it: hop-by-hop fields gone, tracing and forwarding fields set

  // One of three: the whole body in memory, which any number of attempts can send; a body still being read,
  // which one attempt can; or none.
  std::optional<llm::BodyBuffer> body;
  BodyReader* live_body = nullptr;
  std::optional<std::uint64_t> length;  // as the client announced it
  // What followed `body`, as upstream_trailers() left it; those of a live body are its own.
  Headers trailers;

  std::optional<llm::RequestView> view;  // of `body`, where the route reads it

  std::string_view body_bytes() const noexcept { return body ? body->view() : std::string_view(); }
};

}  // namespace sluice
