#include "gateway/http/server.h"

#include <utility>

#include "gateway/http/http1/server_connection.h"
#include "gateway/http/http2/server_connection.h"
#include "gateway/http/protocol_choice.h"
#include "gateway/net/tls_state.h"

namespace sluice {

Server::Server(Loop& loop, HangupWatch& watch, ListenSocket socket, const ServerOptions& options,
               ConnectionLimit& limit, StreamHandler& handler)
    : loop_(loop),
      watch_(watch),
      options_(std::make_shared<const ServerOptions>(options)),
      limit_(limit),
      handler_(handler),
      last_call_([](void* self) { static_cast<Server*>(self)->end_waiting(); }, this) {
  listen(std::move(socket));
}

void Server::listen(ListenSocket socket) {
  listeners_.push_back(std::make_unique<Listener>(
      loop_, watch_, std::move(socket),
      [this](std::unique_ptr<Transport> transport) { accept(std::move(transport)); }));
}

void Server::set_options(const ServerOptions& options) {
  options_ = std::make_shared<const ServerOptions>(options);
}

void Server::set_backlog(int backlog) {
  for (const auto& listener : listeners_)
    listener->set_backlog(backlog);
}

std::uint64_t Server::accept_failures() const noexcept {
  std::uint64_t failures = past_accept_failures_;
  for (const auto& listener : listeners_)
    failures += listener->accept_failures();
  return failures;
}

void Server::accept(std::unique_ptr<Transport> transport) {
  if (limit_.open.load(std::memory_order_relaxed) >= limit_.max.load(std::memory_order_relaxed)) {
    ++refused_;
    return;
  }
  ++accepted_;
  connections_.spawn(serve(std::move(transport)));
}

Task<void> Server::serve(std::unique_ptr<Transport> transport) {
  struct Place {
    ConnectionLimit& limit;
    ~Place() { limit.open.fetch_sub(1, std::memory_order_relaxed); }
  };
  limit_.open.fetch_add(1, std::memory_order_relaxed);
  Place place{limit_};
  const std::shared_ptr<const ServerOptions> options = options_;
  if (!options->tls && options->limits.max_streams == 0) {
    co_await serve_http1(std::move(transport), *options, {});
    co_return;
  }
  if (!options->tls) {
    ProtocolChoice::Protocol protocol{};
    ReceivedBytes received;
    {
      // Gone before the codec takes over: as long as it is there, it is a connection without a request.
      ProtocolChoice choice(*transport, options->limits);
      co_await run(choice);
      protocol = choice.protocol();
      received = choice.take_received();
    }
    if (protocol == ProtocolChoice::Protocol::kHttp1) {
      co_await serve_http1(std::move(transport), *options, std::move(received));
    } else if (protocol == ProtocolChoice::Protocol::kHttp2) {
      co_await serve_http2(std::move(transport), *options, std::move(received));
    }
    co_return;
  }
  std::unique_ptr<Transport> secure = co_await accept_tls(std::move(transport), *options->tls);
  if (secure == nullptr) co_return;
  if (secure->tls()->alpn == "h2") {
    co_await serve_http2(std::move(secure), *options, {});
  } else {
    co_await serve_http1(std::move(secure), *options, {});
  }
}

Task<std::unique_ptr<Transport>> Server::accept_tls(std::unique_ptr<Transport> transport,
                                                    const TlsAcceptOptions& options) {
  TlsAccept handshake(std::move(transport), options, tls_counts_);
  handshakes_.push_back(handshake);
  co_return co_await handshake.run();
}

Task<void> Server::serve_http1(std::unique_ptr<Transport> transport, const ServerOptions& options,
                               ReceivedBytes received) {
  http1::ServerConnection connection(std::move(transport), options.limits, handler_, std::move(received));
  co_await run(connection);
}

Task<void> Server::serve_http2(std::unique_ptr<Transport> transport, const ServerOptions& options,
                               ReceivedBytes received) {
  http2::ServerConnection connection(std::move(transport), options.limits, http2_counts_, handler_,
                                     std::move(received));
  co_await run(connection);
}

Task<void> Server::run(DownstreamConnection& connection) {
  open_.push_back(connection);
  if (draining_) connection.drain();
  return connection.run();
}

void Server::end_waiting() noexcept {
  handshakes_.for_each([](TlsAccept& handshake) { handshake.cut(); });
  open_.for_each([](DownstreamConnection& connection) { connection.end_idle(); });
}

void Server::drain() {
  draining_ = true;
  past_accept_failures_ = accept_failures();
  listeners_.clear();
  open_.for_each([](DownstreamConnection& connection) { connection.drain(); });
  loop_.arm(last_call_, loop_.now() + kFirstRequestTime);
}

std::vector<int> Server::descriptors() const {
  std::vector<int> out;
  for (const auto& listener : listeners_)
    out.push_back(listener->descriptor());
  return out;
}

void Server::leave_paths() noexcept {
  for (const auto& listener : listeners_)
    listener->leave_path();
}

}  // namespace sluice
