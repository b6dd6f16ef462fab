#include "gateway/app/admin/admin_server.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "gateway/app/admin/access.h"
#include "gateway/app/admin/audit_log.h"
#include "gateway/app/gateway.h"
#include "gateway/app/secret_source.h"
#include "gateway/http/server.h"
#include "gateway/proxy/responder.h"

namespace sluice {
namespace {

constexpr std::uint64_t kMaxBodyBytes = std::uint64_t{1} << 20;  // the longest configuration that is read

// Answers the requests of one of the two sockets.
class AdminHandler final : public StreamHandler {
 public:
  AdminHandler(Gateway& gateway, const AdminAccess& access, AuditLog& audit, bool unix_socket)
      : gateway_(gateway), access_(access), audit_(audit), unix_socket_(unix_socket) {}

  Task<Result<void>> serve(ServerStream& stream) override {
    const AdminMatch match = match_admin_route(stream.head.method, stream.head.path());
    if (match.route == nullptr) {
      if (!match.allow.empty())
        co_return co_await respond(
            Error{ErrorKind::kMethodNotAllowed, "this page has the methods " + match.allow}, stream.client,
            false, match.allow);
      co_return co_await send(AdminPage{.status = 404, .body = "no such page; / lists them\n"},
                              stream.client);
    }
    const AdminRoute& route = *match.route;
    AdminRequest request{
        .subject = match.subject, .query = stream.head.query(), .body = {}, .who = who(stream)};
    const AdminVerdict verdict = access_.check(route, caller(stream));
    if (verdict != AdminVerdict::kAllowed) {
      audit_.note(request.who, action(route), match.subject, name(verdict));
      co_return co_await send(refusal(verdict), stream.client, verdict == AdminVerdict::kNoToken);
    }
    Result<std::string> body = co_await read_body(stream.body);
    if (!body) co_return co_await respond(std::move(body.error()), stream.client, false);
    request.body = std::move(*body);
    AdminPage page = co_await route.serve(gateway_, request);
    if (!route.change.empty())
      audit_.note(request.who, route.change, match.subject, page.status < 400 ? "ok" : "failed");
    co_return co_await send(std::move(page), stream.client);
  }

  Task<Result<void>> refuse(RefusedRequest refused) override {
    return respond(refused.error, refused.client, false);
  }

 private:
  std::string who(const ServerStream& stream) const {
    return unix_socket_ ? std::string("unix") : std::string(stream.peer);
  }

  // A refused attempt to read is logged under the page's path.
  static std::string_view action(const AdminRoute& route) {
    return route.change.empty() ? route.path : route.change;
  }

  AdminCaller caller(const ServerStream& stream) const {
    const Headers& headers = stream.head.headers;
    bool has_origin = false;
    for (std::size_t i = 0; i < headers.size(); ++i)
      has_origin = has_origin || equals_ignoring_case(headers[i].name, "origin");
    return {.unix_socket = unix_socket_,
            .peer = stream.peer,
            .authorization = headers.get(HeaderId::kAuthorization),
            .authority = stream.head.authority(),
            .has_origin = has_origin};
  }

  static AdminPage refusal(AdminVerdict verdict) {
    if (verdict == AdminVerdict::kNoToken)
      return AdminPage::error(401,
                              "this page asks for the gateway's admin.token: Authorization: Bearer TOKEN");
    if (verdict == AdminVerdict::kCrossSite)
      return AdminPage::error(403, "requests with an Origin header may change nothing here");
    if (verdict == AdminVerdict::kOtherHost)
      return AdminPage::error(403, "name this machine by its address or as localhost, or set an admin.token");
    return AdminPage::error(403,
                            "without an admin.token only this machine, or admin.socket, may change anything");
  }

  static Task<Result<std::string>> read_body(BodyReader& body) {
    std::string out;
    for (;;) {
      Result<BodyPiece> piece = co_await body.read();
      if (!piece) co_return fail(std::move(piece.error()));
      out.append(piece->bytes);
      if (piece->last) co_return out;
    }
  }

  static Task<Result<void>> send(AdminPage page, ResponseWriter& client, bool challenge = false) {
    ResponseHead head;
    head.status = page.status;
    head.content_length = page.body.size();
    head.headers.add(HeaderId::kContentType, page.type);
    head.headers.add("cache-control", "no-store");
    if (challenge) head.headers.add("www-authenticate", "Bearer realm=\"sluice admin\"");
    Result<void> started = co_await client.start(std::move(head));
    if (!started) co_return started;
    co_return co_await client.finish(page.body);
  }

  Gateway& gateway_;
  const AdminAccess& access_;
  AuditLog& audit_;
  const bool unix_socket_;
};

}  // namespace

struct AdminServer::Parts {
  Parts(Gateway& gateway, std::unique_ptr<AuditLog> log, Metrics& m, std::optional<Secret> token)
      : access(std::move(token)),
        audit(std::move(log)),
        metrics(m),
        on_address(gateway, access, *audit, false),
        on_socket(gateway, access, *audit, true) {
    address_limit.max = kMaxConnections;
    socket_limit.max = kMaxConnections;
  }

  AdminAccess access;
  std::unique_ptr<AuditLog> audit;
  Metrics& metrics;
  AdminHandler on_address;
  AdminHandler on_socket;
  ConnectionLimit address_limit;
  ConnectionLimit socket_limit;
  std::optional<Server> address_server;
  std::optional<Server> socket_server;
};

Result<std::unique_ptr<AdminServer>> AdminServer::open(Gateway& gateway, Metrics& metrics,
                                                       const TimeSource& time, AdminSockets sockets) {
  const config::Admin& settings = gateway.config().admin;
  std::optional<Secret> token;
  if (settings.token) {
    Result<Secret> read = read_secret(*settings.token);
    if (!read) return fail(ErrorKind::kConfig, "admin.token: " + read.error().detail());
    token = std::move(*read);
  }
  Result<std::unique_ptr<AuditLog>> audit = AuditLog::open(settings.audit_log, time, metrics);
  if (!audit) return fail(std::move(audit.error()));
  auto parts = std::make_unique<Parts>(gateway, std::move(*audit), metrics, std::move(token));
  ServerOptions options;
  options.limits.max_body_bytes = kMaxBodyBytes;
  const auto serve = [&](std::optional<ListenSocket>& socket, std::optional<Server>& server,
                         ConnectionLimit& limit, AdminHandler& handler) {
    if (socket) server.emplace(gateway.control(), std::move(*socket), options, limit, handler);
  };
  serve(sockets.address, parts->address_server, parts->address_limit, parts->on_address);
  serve(sockets.unix_socket, parts->socket_server, parts->socket_limit, parts->on_socket);
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(parts)));
}

AdminServer::AdminServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
AdminServer::~AdminServer() = default;

void AdminServer::sample() {
  parts_->audit->sink().sample(parts_->metrics, "audit");
}

std::vector<int> AdminServer::descriptors() const {
  std::vector<int> out;
  for (const auto* server : {&parts_->address_server, &parts_->socket_server}) {
    if (!*server) continue;
    for (const int fd : (*server)->descriptors())
      out.push_back(fd);
  }
  return out;
}

void AdminServer::hand_over() {
  for (auto* server : {&parts_->address_server, &parts_->socket_server}) {
    if (!*server) continue;
    (*server)->leave_paths();
    (*server)->drain();
  }
}

void AdminServer::reopen_log() {
  parts_->audit->sink().reopen();
}

}  // namespace sluice
