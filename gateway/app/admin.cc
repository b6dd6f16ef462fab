#include "gateway/app/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "config/documents.h"
#include "gateway/app/gateway.h"
#include "gateway/base/json_escape.h"
#include "gateway/proxy/responder.h"

namespace sluice {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";

struct Page {
  int status = 200;
  std::string_view type = kText;
  std::string body;
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  json_escape(text, out);
  out.push_back('"');
  return out;
}

class Admin final : public StreamHandler {
 public:
  explicit Admin(Gateway& gateway) : gateway_(gateway) {}

  Task<Result<void>> serve(ServerStream& stream) override {
    const Method method = stream.head.method;
    if (method != Method::kGet && method != Method::kHead) {
      co_return co_await respond(Error{ErrorKind::kMethodNotAllowed, "this page is read only: use GET"},
                                 stream.client, false);
    }
    Page page = co_await render(stream.head.path());
    ResponseHead head;
    head.status = page.status;
    head.content_length = page.body.size();
    head.headers.add(HeaderId::kContentType, page.type);
    head.headers.add("cache-control", "no-store");
    Result<void> started = co_await stream.client.start(std::move(head));
    if (!started) co_return started;
    co_return co_await stream.client.finish(page.body);
  }

  Task<Result<void>> refuse(RefusedRequest refused) override {
    return respond(refused.error, refused.client, false);
  }

 private:
  Task<Page> render(std::string_view path) {
    if (path == "/live") co_return Page{.body = "live\n"};
    if (path == "/ready") {
      if (gateway_.draining()) co_return Page{.status = 503, .body = "draining\n"};
      co_return Page{.body = "ready\n"};
    }
    if (path == "/config")
      co_return Page{.type = "application/yaml", .body = config::print_effective(gateway_.config())};
    if (path == "/clusters") co_return Page{.type = kJson, .body = clusters()};
    if (path == "/streams") {
      std::string body = co_await streams();
      co_return Page{.type = kJson, .body = std::move(body)};
    }
    if (path == "/metrics") {
      std::string body = co_await gateway_.metrics_text();
      co_return Page{.type = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(body)};
    }
    if (path == "/") co_return Page{.body = "/live\n/ready\n/metrics\n/clusters\n/config\n/streams\n"};
    co_return Page{.status = 404, .body = "no such page; / lists them\n"};
  }

  std::string clusters() const {
    const TimePoint now = gateway_.control().now();
    std::string out = "{\"clusters\":[";
    bool first_cluster = true;
    for (const config::Cluster& c : gateway_.config().clusters) {
      fmt::format_to(std::back_inserter(out), "{}{{\"name\":{},\"endpoints\":[",
                     std::exchange(first_cluster, false) ? "" : ",", quoted(c.name));
      for (std::size_t i = 0; i < c.endpoints.size(); ++i) {
        const auto state = gateway_.endpoint(c.name, c.endpoints[i].address);
        const EndpointState& e = *state;
        fmt::format_to(std::back_inserter(out),
                       "{}{{\"address\":{},\"weight\":{},\"state\":\"{}\",\"in_flight\":{},\"attempts\":{},"
                       "\"failures\":{}}}",
                       i == 0 ? "" : ",", quoted(e.name), c.endpoints[i].weight,
                       e.avoided(now) ? "avoided" : "available", e.in_flight.load(std::memory_order_relaxed),
                       e.attempts.load(std::memory_order_relaxed),
                       e.failures.load(std::memory_order_relaxed));
      }
      out += "]}";
    }
    return out += "]}\n";
  }

  Task<std::string> streams() {
    std::vector<std::vector<StreamSnapshot>> by_shard = co_await gateway_.streams();
    std::vector<StreamSnapshot> all;
    for (auto& shard : by_shard)
      std::ranges::move(shard, std::back_inserter(all));
    std::ranges::sort(all, std::ranges::greater(), &StreamSnapshot::age_seconds);
    std::string out = fmt::format("{{\"open\":{},\"streams\":[", all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const StreamSnapshot& s = all[i];
      fmt::format_to(
          std::back_inserter(out),
          "{}\n{{\"id\":{},\"state\":\"{}\",\"age_seconds\":{:.3f},\"method\":\"{}\",\"path\":{},\"route\":{}"
          ","
          "\"model\":{},\"cluster\":{},\"endpoint\":{},\"attempts\":{},\"response_bytes\":{},\"events\":{},"
          "\"peer\":{},\"shard\":{}}}",
          i == 0 ? "" : ",", quoted(s.id), s.state, s.age_seconds, s.method, quoted(s.path), quoted(s.route),
          quoted(s.model), quoted(s.cluster), quoted(s.endpoint), s.attempts, s.response_bytes, s.events,
          quoted(s.peer), s.shard);
    }
    co_return out += "]}\n";
  }

  Gateway& gateway_;
};

}  // namespace

std::unique_ptr<StreamHandler> make_admin(Gateway& gateway) {
  return std::make_unique<Admin>(gateway);
}

}  // namespace sluice
