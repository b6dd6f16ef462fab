#include <fmt/format.h>

#include <chrono>

#include "config/describe.h"
#include "gateway/base/ip_network.h"

// Where clients and operators connect.
namespace sluice::config {

using namespace std::chrono_literals;

void check_networks(const std::vector<std::string>& texts, const Scope& scope, std::string_view field) {
  if (!scope.usable(field)) return;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto network = IpNetwork::parse(texts[i]);
    if (!network) scope.error(index_path(field, i), network.error().detail());
  }
}

constexpr std::size_t kMaxNetworks = 256;

static void describe(Fields<Http>& f) {
  f.about("Http", "Limits on what a client may send, and how slowly.");
  f.add_size("max_head_bytes", &Http::max_head_bytes,
             "Longest request head, request line included; above it 431.")
      .range(
          512,
          64 * kKiB);  // a head is parsed in one read buffer of at least limits.stream_buffer_bytes' minimum
  f.add("max_headers", &Http::max_headers, "Most header fields in a request; above it 431.").range(1, 10'000);
  f.add_size("max_uri_bytes", &Http::max_uri_bytes, "Longest request target; above it 414.").range(64, kMiB);
  f.add_size("max_body_bytes", &Http::max_body_bytes,
             "Longest request body; above it 413. A route may set its own.")
      .range(0, 4 * kGiB);
  f.add("head_timeout", &Http::head_timeout,
        "Longest time from the first byte of a request to the end of its head.")
      .range(1ms, 1h);
  f.add("idle_timeout", &Http::idle_timeout, "Longest silence between two requests on a connection.")
      .range(1ms, 24h);
  f.add_size("min_body_rate", &Http::min_body_rate,
             "Least bytes per second of a request body; below it 408. 0 turns the check off.")
      .range(0, kGiB);
  f.add("body_grace", &Http::body_grace,
        "Time at the start of a body in which `min_body_rate` does not apply.")
      .range(0s, 1h);
  f.add("write_timeout", &Http::write_timeout,
        "A client that takes no byte of its answer for this long is cut off.")
      .range(1ms, 1h);
  f.add("max_streams", &Http::max_streams,
        "Requests at a time on one HTTP/2 connection; those above it are refused unprocessed. 0: HTTP/2 is "
        "not spoken.")
      .range(0, 10'000);
}

void describe(Fields<Listener>& f) {
  f.about("Listener", "An address on which clients are served.");
  f.add("name", &Listener::name, "Unique among listeners; a label in metrics and in the access log.")
      .required()
      .rule(kNameText);
  f.add("address", &Listener::address, "Where to listen. Port 0 picks a free port.").required();
  f.add("backlog", &Listener::backlog, "Connections the kernel may hold before they are accepted.")
      .range(1, 65'535);
  f.add("max_connections", &Listener::max_connections,
        "Open connections; above it new ones are closed at once.")
      .range(1, 1'000'000);
  f.add("tls", &Listener::tls, "With it clients speak TLS here, without it plain HTTP.");
  f.add("http", &Listener::http, "Limits on what a client may send, and how slowly.");
  f.add("trusted_proxies", &Listener::trusted_proxies,
        "Networks (`10.0.0.0/8`, `::1`) whose word about the client is believed: from them Forwarded and "
        "X-Forwarded-* are read and extended, from anybody else they are replaced.")
      .items(0, kMaxNetworks);
  f.check([](const Listener& listener, const Scope& scope) {
    check_networks(listener.trusted_proxies, scope, "trusted_proxies");
  });
}

static void describe(Fields<SecretSource>& f) {
  f.about("SecretSource", "Where a secret stands. Exactly one of the keys.");
  f.names_secret();
  f.add("file", &SecretSource::file, "A file that holds it; a line end after it is ignored.");
  f.add("env", &SecretSource::env, "An environment variable that holds it.");
  f.check([](const SecretSource& source, const Scope& scope) {
    if (!scope.usable("file") || !scope.usable("env")) return;
    if (source.file.has_value() == source.env.has_value())
      scope.error("", "needs exactly one of file and env");
  });
}

void describe(Fields<Admin>& f) {
  f.about("Admin",
          "The operators' interface: health, metrics, state, changes. Keep it private, or give it a token.");
  f.add("enabled", &Admin::enabled, "`false` opens no admin address at all.");
  f.add("address", &Admin::address, "Where to listen. Port 0 picks a free port.");
  f.add("socket", &Admin::socket,
        "A unix socket to listen on as well, for its owner alone (mode 0600); it asks for no token.");
  f.add("token", &Admin::token,
        "With it, every page but /live and /ready asks for `Authorization: Bearer TOKEN`.");
  f.add(
      "audit_log", &Admin::audit_log,
      "Where every change made over this interface is logged: a path, or one of `stdout`, `stderr`, `off`.");
  f.check([](const Admin& admin, const Scope& scope) {
    if (!admin.socket || !scope.usable("socket")) return;
    const auto address = parse_address("unix:" + *admin.socket);
    if (!address) scope.error("socket", address.error().detail());
  });
}

}  // namespace sluice::config
