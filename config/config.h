#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/base/certificates.h"
#include "gateway/base/private_key.h"

// The configuration as typed structs. A member's initialiser is the one and only default of its key, and a
// member is named like its key. What each key means, its unit and its range stand in `describe.cc`, from
// which the reader, the effective-config print, `schema.json` and `reference.md` are made; comments here say
// only what code that uses the structs must know beyond that. A Config that `load_file` or `load_text`
// returned has passed every check: names are unique, references resolve, weights sum to more than zero.
namespace sluice::config {

using Duration = std::chrono::nanoseconds;

struct Http {
  std::uint64_t max_head_bytes = 32 * 1024;
  std::uint32_t max_headers = 100;
  std::uint64_t max_uri_bytes = 8 * 1024;
  std::uint64_t max_body_bytes = 16 * 1024 * 1024;
  Duration head_timeout = std::chrono::seconds(10);
  Duration idle_timeout = std::chrono::seconds(75);
  std::uint64_t min_body_rate = 1024;  // bytes per second; 0 turns the check off
  Duration body_grace = std::chrono::seconds(5);
  Duration write_timeout = std::chrono::seconds(60);
  std::uint32_t max_streams = 100;  // on one HTTP/2 connection; 0: HTTP/2 is not spoken

  bool operator==(const Http&) const = default;
};

// A certificate and its key, by the files that hold them. What the files hold is part of the configuration,
// so that a renewed certificate of the same name is a change; empty where load_text() was not asked to read
// them.
struct KeyPair {
  std::string cert_file = {};
  std::string key_file = {};
  Certificates certificates = {};
  PrivateKey key = {};

  bool operator==(const KeyPair&) const = default;
};

struct SessionTickets {
  bool enabled = true;
  Duration rotate_after = std::chrono::hours(12);

  bool operator==(const SessionTickets&) const = default;
};

struct ListenerTls {
  enum class Version : std::uint8_t { k12, k13 };
  // kOptional: a client may have none, but one that it shows must be good.
  enum class ClientCertificates : std::uint8_t { kNone, kOptional, kRequired };

  std::vector<KeyPair> certificates = {};
  Version min_version = Version::k12;
  std::vector<std::string> ciphers = {};        // of TLS 1.2; empty: the default ones
  std::vector<std::string> cipher_suites = {};  // of TLS 1.3; empty: all
  ClientCertificates client_certificates = ClientCertificates::kNone;
  std::optional<std::string> client_ca_file = {};
  Certificates client_authorities = {};  // what client_ca_file holds
  bool forward_client_certificate = false;
  Duration handshake_timeout = std::chrono::seconds(10);
  SessionTickets session_tickets = {};

  bool operator==(const ListenerTls&) const = default;
};

struct Listener {
  std::string name = {};
  Address address = {};
  std::uint32_t backlog = 1024;
  std::uint32_t max_connections = 20000;
  std::optional<ListenerTls> tls = {};
  Http http = {};
  std::vector<std::string> trusted_proxies = {};  // networks, as IpNetwork reads them

  bool operator==(const Listener&) const = default;
};

// A secret is given by reference only, never in the file itself. Exactly one of the two is set.
struct SecretSource {
  std::optional<std::string> file = {};
  std::optional<std::string> env = {};

  bool operator==(const SecretSource&) const = default;
};

struct Admin {
  bool enabled = true;
  Address address = Address::tcp("127.0.0.1", 9901);
  std::optional<std::string> socket = {};  // path of a unix socket beside the address
  std::optional<SecretSource> token = {};
  std::string audit_log = "stderr";  // a path, or one of `stdout`, `stderr`, `off`

  bool operator==(const Admin&) const = default;
};

struct Endpoint {
  Address address = {};
  std::uint32_t weight = 1;
  std::optional<std::string> zone = {};
  std::vector<std::string> tags = {};  // for routes that take only endpoints that have them

  bool operator==(const Endpoint&) const = default;
};

// Where the key of a hashing load balancer comes from. Exactly one is set.
struct HashKey {
  std::optional<std::string> header = {};
  std::optional<std::string> cookie = {};
  std::optional<std::string> member = {};  // of the JSON body, at its top level
  std::optional<bool> address = {};        // the client's address; only true makes sense

  bool operator==(const HashKey&) const = default;
};

struct LoadBalancer {
  enum class Policy : std::uint8_t { kRoundRobin, kLeastLoaded, kRingHash, kMaglev };

  Policy policy = Policy::kLeastLoaded;
  std::vector<HashKey> hash_by = {};  // the first that a request has; required by the hashing policies
  std::optional<std::string> prefer_zone = {};

  bool operator==(const LoadBalancer&) const = default;
};

struct Pool {
  std::uint32_t max_connections = 256;
  std::uint32_t max_waiting = 512;
  std::uint32_t max_idle = 64;
  Duration idle_timeout = std::chrono::seconds(4);
  std::uint32_t prewarm = 0;                 // idle connections kept open to each endpoint, by each shard
  Duration max_lifetime = Duration::zero();  // 0: a connection may live for ever

  bool operator==(const Pool&) const = default;
};

// HTTP/2 towards a cluster's endpoints.
struct UpstreamHttp2 {
  std::uint32_t max_streams = 100;                  // on one connection, or fewer where the endpoint says so
  std::optional<std::uint32_t> stream_window = {};  // unset: limits.stream_buffer_bytes
  std::uint32_t connection_window = 16 * 1024 * 1024;
  Duration ping_interval = std::chrono::seconds(30);  // 0: no PINGs
  Duration ping_timeout = std::chrono::seconds(10);
  bool ping_idle = false;

  bool operator==(const UpstreamHttp2&) const = default;
};

// Where a cluster's endpoints come from, beside those that stand in the file. Exactly one of dns, srv and
// file.
struct Discovery {
  std::optional<Address> dns = {};      // a name and a port: every address the name has
  std::optional<std::string> srv = {};  // the name of SRV records
  std::optional<std::string> file = {};
  std::vector<Address> nameservers = {};  // empty: the system's
  Duration min_refresh = std::chrono::seconds(5);
  Duration max_refresh = std::chrono::minutes(5);
  Duration timeout = std::chrono::seconds(2);
  std::uint32_t max_endpoints = 256;

  bool operator==(const Discovery&) const = default;
};

// The document that `Discovery::file` names.
struct EndpointList {
  std::vector<Endpoint> endpoints = {};

  bool operator==(const EndpointList&) const = default;
};

struct ClusterTls {
  std::optional<std::string> ca_file = {};
  Certificates authorities = {};                // what ca_file holds; empty: those that the system trusts
  std::optional<std::string> server_name = {};  // unset: each endpoint's own host
  std::optional<KeyPair> certificate = {};
  bool verify = true;

  bool operator==(const ClusterTls&) const = default;
};

struct Cluster {
  // What the endpoints speak. kH2c: HTTP/2 in plaintext; kH2: HTTP/2 over TLS; kAuto: what each connection's
  // handshake agrees on.
  enum class Protocol : std::uint8_t { kHttp1, kH2c, kH2, kAuto };

  std::string name = {};
  Protocol protocol = Protocol::kHttp1;
  std::vector<Endpoint> endpoints = {};  // may be empty where there is discovery
  std::optional<Discovery> discovery = {};
  std::optional<ClusterTls> tls = {};
  LoadBalancer load_balancer = {};
  Pool pool = {};
  UpstreamHttp2 http2 = {};

  bool operator==(const Cluster&) const = default;
};

// Exactly one of the three is set.
struct PathMatch {
  std::optional<std::string> exact = {};
  std::optional<std::string> prefix = {};
  std::optional<std::string> regex = {};  // of the whole path

  bool operator==(const PathMatch&) const = default;
};

// A header or a parameter of the query. At most one beside the name is set; with none it need only be there.
struct FieldMatch {
  std::string name = {};
  std::optional<std::string> exact = {};
  std::optional<std::string> prefix = {};
  std::optional<std::string> regex = {};  // of the whole value
  std::optional<bool> present = {};

  bool operator==(const FieldMatch&) const = default;
};

// A top-level member of a JSON body whose value is one of these texts, numbers or booleans.
struct MemberMatch {
  std::string name = {};
  std::vector<std::string> values = {};

  bool operator==(const MemberMatch&) const = default;
};

struct Match {
  PathMatch path = {};
  std::vector<std::string> hosts = {};    // `api.example.org`, `*.example.org`; empty: any
  std::vector<std::string> methods = {};  // empty: any method
  std::vector<FieldMatch> headers = {};   // all of them
  std::vector<FieldMatch> query = {};     // all of them
  std::vector<std::string> clients = {};  // networks; empty: any
  std::vector<std::string> model = {};    // empty: any model, also none
  std::optional<bool> stream = {};
  std::vector<MemberMatch> members = {};  // all of them

  bool operator==(const Match&) const = default;
};

struct WeightedCluster {
  std::string name = {};
  std::uint32_t weight = 1;
  std::optional<std::string> served_as = {};  // the model's name at this cluster's endpoints
  std::vector<std::string> tags = {};         // only endpoints that have all of them

  bool operator==(const WeightedCluster&) const = default;
};

struct NamedValue {
  std::string name = {};
  std::string value = {};

  bool operator==(const NamedValue&) const = default;
};

// Done in this order: remove, set, add.
struct HeaderEdits {
  std::vector<std::string> remove = {};
  std::vector<NamedValue> set = {};
  std::vector<NamedValue> add = {};

  bool operator==(const HeaderEdits&) const = default;
};

struct QueryEdits {
  std::vector<std::string> remove = {};
  std::vector<NamedValue> set = {};

  bool operator==(const QueryEdits&) const = default;
};

struct RequestEdits {
  std::optional<std::string> path_prefix = {};  // replaces the matched exact path or prefix
  std::optional<std::string> host = {};
  HeaderEdits headers = {};
  QueryEdits query = {};

  bool operator==(const RequestEdits&) const = default;
};

struct ResponseEdits {
  HeaderEdits headers = {};

  bool operator==(const ResponseEdits&) const = default;
};

struct DirectAnswer {
  std::uint32_t status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::optional<std::string> body = {};

  bool operator==(const DirectAnswer&) const = default;
};

// What is not set stays as in the request.
struct Redirect {
  std::uint32_t status = 308;
  std::optional<std::string> scheme = {};
  std::optional<std::string> host = {};
  std::optional<std::string> path = {};         // the whole path
  std::optional<std::string> path_prefix = {};  // replaces the matched exact path or prefix

  bool operator==(const Redirect&) const = default;
};

struct Timeouts {
  Duration connect = std::chrono::seconds(1);
  Duration first_content = std::chrono::seconds(60);
  Duration between_tokens = std::chrono::seconds(30);
  Duration total = std::chrono::minutes(10);

  bool operator==(const Timeouts&) const = default;
};

struct Retry {
  std::uint32_t attempts = 3;  // in total, with the first

  bool operator==(const Retry&) const = default;
};

// Reads along with answers for tokens and gaps.
struct Usage {
  bool enabled = true;

  bool operator==(const Usage&) const = default;
};

// Exactly one of clusters, respond, redirect and list_models says what happens.
struct Route {
  // kOpenAi: requests and answers are those of OpenAI's API. kHttp: any HTTP service; nothing is read of
  // bodies but what `match` asks for, and errors are plain.
  enum class Api : std::uint8_t { kOpenAi, kHttp };

  std::string name = {};  // `routes[N]`, N from 0, where the file gives none
  Match match = {};
  Api api = Api::kOpenAi;
  std::vector<WeightedCluster> clusters = {};
  std::optional<DirectAnswer> respond = {};
  std::optional<Redirect> redirect = {};
  bool list_models = false;
  RequestEdits request = {};
  ResponseEdits response = {};
  Timeouts timeouts = {};
  Retry retry = {};
  Usage usage = {};
  std::optional<std::uint64_t> max_body_bytes = {};  // replaces the listener's

  bool operator==(const Route&) const = default;
};

// What a route has where it does not say otherwise.
struct RouteDefaults {
  Timeouts timeouts = {};
  Retry retry = {};
  Usage usage = {};

  bool operator==(const RouteDefaults&) const = default;
};

struct Drain {
  Duration timeout = std::chrono::seconds(25);  // below Kubernetes' 30 s until it kills

  bool operator==(const Drain&) const = default;
};

struct Reload {
  bool watch = false;

  bool operator==(const Reload&) const = default;
};

struct Limits {
  std::uint32_t max_streams = 20000;
  std::uint64_t stream_buffer_bytes = 64 * 1024;

  bool operator==(const Limits&) const = default;
};

struct AccessLog {
  std::string file = "stdout";  // a path, or one of `stdout`, `stderr`, `off`
  std::uint32_t queue = 8192;

  bool operator==(const AccessLog&) const = default;
};

struct Log {
  enum class Level : std::uint8_t { kDebug, kInfo, kWarning, kError };

  Level level = Level::kInfo;

  bool operator==(const Log&) const = default;
};

// OpenTelemetry spans over OTLP/HTTP.
struct Traces {
  std::optional<std::string> otlp = {};  // `http://HOST:PORT`, path /v1/traces unless given; unset: no traces
  std::uint32_t sample = 10'000;         // of a million exchanges that no client decided about
  Duration slow = std::chrono::seconds(10);  // an exchange that takes longer is exported whatever the sample
  std::string service_name = "sluice";
  std::uint32_t queue = 2048;
  std::uint32_t batch = 256;
  Duration interval = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(10);

  bool operator==(const Traces&) const = default;
};

struct Observability {
  AccessLog access_log = {};
  Log log = {};
  Traces traces = {};

  bool operator==(const Observability&) const = default;
};

struct Config {
  std::uint32_t version = 1;
  std::vector<Listener> listeners = {};
  Admin admin = {};
  std::vector<Cluster> clusters = {};
  RouteDefaults defaults = {};     // already applied to `routes`
  std::vector<Route> routes = {};  // the first match wins
  Limits limits = {};
  Drain drain = {};
  Reload reload = {};
  Observability observability = {};

  bool operator==(const Config&) const = default;
};

}  // namespace sluice::config
