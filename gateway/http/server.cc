#include "gateway/http/server.h"

#include <utility>

namespace sluice {

Server::Server(Loop& loop, HangupWatch& watch, ListenSocket socket, const ServerOptions& options,
               ConnectionLimit& limit, StreamHandler& handler)
    : options_(options), limit_(limit), handler_(handler) {
  listener_.emplace(loop, watch, std::move(socket),
                    [this](std::unique_ptr<Transport> transport) { accept(std::move(transport)); });
}

void Server::accept(std::unique_ptr<Transport> transport) {
  if (limit_.open.load(std::memory_order_relaxed) >= limit_.max) {
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
  http1::ServerConnection connection(std::move(transport), options_.http1, handler_);
  open_.push_back(connection);
  co_await connection.run();
}

void Server::drain() {
  listener_.reset();
  open_.for_each([](http1::ServerConnection& connection) { connection.drain(); });
}

}  // namespace sluice
