#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/base/address.h"

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

  bool operator==(const Http&) const = default;
};

struct Listener {
  std::string name = {};
  Address address = {};
  std::uint32_t backlog = 1024;
  std::uint32_t max_connections = 20000;
  Http http = {};

  bool operator==(const Listener&) const = default;
};

struct Admin {
  bool enabled = true;
  Address address = Address::tcp("127.0.0.1", 9901);

  bool operator==(const Admin&) const = default;
};

struct Endpoint {
  Address address = {};
  std::uint32_t weight = 1;

  bool operator==(const Endpoint&) const = default;
};

struct LoadBalancer {
  enum class Policy : std::uint8_t { kRoundRobin, kLeastLoaded };

  Policy policy = Policy::kLeastLoaded;

  bool operator==(const LoadBalancer&) const = default;
};

struct Pool {
  std::uint32_t max_connections = 256;
  std::uint32_t max_waiting = 512;
  std::uint32_t max_idle = 64;
  Duration idle_timeout = std::chrono::seconds(4);

  bool operator==(const Pool&) const = default;
};

struct Cluster {
  std::string name = {};
  std::vector<Endpoint> endpoints = {};
  LoadBalancer load_balancer = {};
  Pool pool = {};

  bool operator==(const Cluster&) const = default;
};

// Exactly one of the two is set.
struct PathMatch {
  std::optional<std::string> exact = {};
  std::optional<std::string> prefix = {};

  bool operator==(const PathMatch&) const = default;
};

struct Match {
  PathMatch path = {};
  std::vector<std::string> model = {};    // empty: any model, also none
  std::vector<std::string> methods = {};  // empty: any method

  bool operator==(const Match&) const = default;
};

struct WeightedCluster {
  std::string name = {};
  std::uint32_t weight = 1;

  bool operator==(const WeightedCluster&) const = default;
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

struct Route {
  std::string name = {};  // `routes[N]`, N from 0, where the file gives none
  Match match = {};
  std::vector<WeightedCluster> clusters = {};
  Timeouts timeouts = {};
  Retry retry = {};
  std::optional<std::uint64_t> max_body_bytes = {};  // replaces the listener's

  bool operator==(const Route&) const = default;
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

struct Observability {
  AccessLog access_log = {};
  Log log = {};

  bool operator==(const Observability&) const = default;
};

struct Config {
  std::uint32_t version = 1;
  std::vector<Listener> listeners = {};
  Admin admin = {};
  std::vector<Cluster> clusters = {};
  std::vector<Route> routes = {};  // the first match wins
  Limits limits = {};
  Observability observability = {};

  bool operator==(const Config&) const = default;
};

}  // namespace sluice::config
