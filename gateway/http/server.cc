#include "gateway/http/server.h"

#include <utility>

#include "gateway/http/http1/server_connection.h"
#include "gateway/http/http2/server_connection.h"
#include "gateway/http/protocol_choice.h"
#include "gateway/net/tls_state.h"

namespace sluice {

Server::Server(Loop& loop, ListenSocket socket, const ServerOptions& options, ConnectionLimit& limit,
               StreamHandler& handler)
    : loop_(loop),
      options_(std::make_shared<const ServerOptions>(options)),
      limit_(limit),
      handler_(handler),
      last_call_([](void* self) { static_cast<Server*>(self)->end_waiting(); }, this) {
  listen(std::move(socket));
}

void Server::listen(ListenSocket socket) {
  listeners_.push_back(std::make_unique<Listener>(
      loop_, std::move(socket),
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
  Accepted accepted{ConnectionPlace(limit_), options_, std::move(transport)};
  const ServerOptions& options = *accepted.options;
  ReceivedBytes received;
  bool is_http2 = false;
  if (options.tls) {
    accepted.transport = co_await accept_tls(std::move(accepted.transport), *options.tls);
    if (accepted.transport == nullptr) co_return;
    is_http2 = accepted.transport->tls()->alpn == "h2";
  } else if (options.limits.max_streams != 0) {
    // Gone before the codec takes over: as long as it is there, it is a connection without a request.
    ProtocolChoice choice(*accepted.transport, options.limits);
    co_await run(choice);
    if (choice.protocol() == ProtocolChoice::Protocol::kNone) co_return;
    is_http2 = choice.protocol() == ProtocolChoice::Protocol::kHttp2;
    received = choice.take_received();
  }
  co_await become(is_http2 ? serve_http2(std::move(accepted), std::move(received))
                           : serve_http1(std::move(accepted), std::move(received)));
}

Task<std::unique_ptr<Transport>> Server::accept_tls(std::unique_ptr<Transport> transport,
                                                    const TlsAcceptOptions& options) {
  TlsAccept handshake(std::move(transport), options, tls_counts_);
  handshakes_.push_back(handshake);
  co_return co_await handshake.run();
}

Task<void> Server::serve_http1(Accepted accepted, ReceivedBytes received) {
  http1::ServerConnection connection(std::move(accepted.transport), accepted.options->limits, handler_,
                                     std::move(received));
  co_await run(connection);
}

Task<void> Server::serve_http2(Accepted accepted, ReceivedBytes received) {
  http2::ServerConnection connection(std::move(accepted.transport), accepted.options->limits, http2_counts_,
                                     handler_, std::move(received));
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
