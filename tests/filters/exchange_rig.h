#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter_chain.h"
#include "gateway/runtime/child.h"
#include "tests/support/record_sink.h"
#include "tests/support/recording_writer.h"
#include "tests/support/scripted_body.h"
#include "tests/support/scripted_filter.h"
#include "tests/support/test_loop.h"

namespace sluice::test {

using ExchangeScript = ScriptedFilter<Exchange>::Script;

// A request's head of the test's choice.
inline RequestHead request_head(Method method, std::string_view path,
                                const std::vector<std::pair<std::string, std::string>>& fields = {}) {
  RequestHead head;
  head.method = method;
  head.set_authority("gateway");
  head.set_target(path, "");
  for (const auto& [name, value] : fields)
    head.headers.add(name, value);
  return head;
}

// A route whose chain is one script.
inline Route scripted_route(std::string name, RouteRule rule, ExchangeScript script) {
  Route route;
  route.name = std::move(name);
  route.rule = std::move(rule);
  route.max_body_bytes = 1024;
  route.chain = chain_of<Exchange>(nullptr, std::move(script));
  return route;
}

inline std::shared_ptr<const RouteTable> one_route(ExchangeScript script) {
  std::vector<Route> routes;
  routes.push_back(scripted_route("all", {}, std::move(script)));
  return std::make_shared<const RouteTable>(std::move(routes));
}

// One exchange with a client of the test's, as the proxy would make it.
class ExchangeRig {
 public:
  ExchangeRig(TestLoop& t, const std::shared_ptr<const RouteTable>& routes, RequestHead head,
              std::vector<std::string> body = {}, bool announce_length = true)
      : body_reader(t.loop, std::move(body), announce_length),
        client(t.loop),
        head_(std::move(head)),
        stream_{head_, body_reader, client, "10.1.2.3:4000", "HTTP/1.1", t.loop.now()},
        exchange(stream_, routes),
        t_(t) {
    exchange.record.id = "request-1";
    exchange.request->length = body_reader.length();
    exchange.record.id = "request-1";
    exchange.record.path = head_.path();
    exchange.record.received_at = t.loop.now();
    if (exchange.head_match) exchange.route = &(*exchange.routes)[exchange.head_match->first];
  }

  // Begins; `turn` or `advance` the loop to go on.
  void run(const ExchangeChain& chain) { run_.emplace(t_.loop, chain.run(exchange, client)); }
  bool finished() const { return run_ && run_->finished(); }
  // What the filter under test returned; the test fails if it did not.
  const Result<void>& outcome() const { return run_->result().value(); }
  std::optional<ErrorKind> error() const {
    if (!finished() || outcome()) return std::nullopt;
    return outcome().error().kind;
  }
  // What a client's departure does: the frames are destroyed where they wait.
  void cancel() { run_.reset(); }

  ScriptedBody body_reader;
  RecordingWriter client;

 private:
  RequestHead head_;
  ServerStream stream_;

 public:
  Exchange exchange;

 private:
  TestLoop& t_;
  std::optional<Child<Result<void>>> run_;
};

inline Task<Result<void>> answer(ResponseWriter& out, ResponseHead head, std::vector<std::string> pieces) {
  Result<void> ok = co_await out.start(std::move(head));
  for (const std::string& piece : pieces) {
    if (!ok) co_return ok;
    ok = co_await out.write(piece);
  }
  if (!ok) co_return ok;
  co_return co_await out.finish({});
}

inline ResponseHead answer_head(std::string_view content_type, int status = 200) {
  ResponseHead head;
  head.status = status;
  head.headers.add(HeaderId::kContentType, content_type);
  return head;
}

inline Task<Result<void>> answer_ok(ResponseWriter& out) {
  return answer(out, answer_head("text/plain"), {"ok"});
}

}  // namespace sluice::test
