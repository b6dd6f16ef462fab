#include "gateway/http/server.h"

#include <utility>

namespace sluice {

Server::Server(Loop& loop, HangupWatch& watch, ListenSocket socket, const ServerOptions& options,
               StreamHandler& handler)
    : options_(options),
      handler_(handler),
      listener_(loop, watch, std::move(socket),
                [this](std::unique_ptr<Transport> transport) { accept(std::move(transport)); }) {}

void Server::accept(std::unique_ptr<Transport> transport) {
  if (connections_.size() >= options_.max_connections) {
    ++refused_;
    return;
  }
  ++accepted_;
  connections_.spawn(serve(std::move(transport)));
}

Task<void> Server::serve(std::unique_ptr<Transport> transport) {
  http1::ServerConnection connection(std::move(transport), options_.http1, handler_);
  co_await connection.run();
}

}  // namespace sluice
