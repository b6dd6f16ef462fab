#include "gateway/app/sluicectl/admin_client.h"

#include <array>

#include "gateway/http/http1/client_connection.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/task_group.h"

namespace sluice::ctl {
namespace {

constexpr std::chrono::seconds kPatience(30);

}  // namespace

Task<void> AdminClient::exchange(Loop& loop, Method method, std::string_view target, std::string_view body,
                                 Result<Answer>& answer) {
  // Whichever way this ends, the loop does too.
  struct Stop {
    Loop& loop;
    ~Stop() { loop.stop(); }
  } stop{loop};
  SocketConnector connector(loop);
  const TimePoint deadline = loop.now() + kPatience;
  auto transport = co_await connector.connect(admin_, deadline);
  if (!transport) {
    answer = fail(std::move(transport.error()));
    co_return;
  }
  http1::ClientConnection connection(std::move(*transport), {});
  RequestHead request;
  request.method = method;
  request.set_authority(admin_.kind == Address::Kind::kUnix ? "localhost" : admin_.to_string());
  const std::size_t query = std::min(target.find('?'), target.size());
  request.set_target(target.substr(0, query), target.substr(query));
  if (token_) request.headers.add(HeaderId::kAuthorization, "Bearer " + std::string(token_->reveal()));
  const std::array<std::string_view, 1> pieces{body};
  auto sent = co_await connection.send(request, body.size(), pieces, true, kPatience);
  if (!sent) {
    answer = fail(std::move(sent.error()));
    co_return;
  }
  auto head = co_await connection.read_head(deadline);
  if (!head) {
    answer = fail(std::move(head.error()));
    co_return;
  }
  Answer read{.status = head->status};
  for (;;) {
    auto piece = co_await connection.read(deadline);
    if (!piece) {
      answer = fail(std::move(piece.error()));
      co_return;
    }
    if (read.body.size() + piece->bytes.size() > kMaxAnswerBytes) {
      answer = fail(ErrorKind::kUpstreamMalformed, "the answer is longer than 64 MiB");
      co_return;
    }
    read.body.append(piece->bytes);
    if (piece->last) break;
  }
  answer = std::move(read);
}

Result<Answer> AdminClient::ask(Method method, std::string_view target, std::string_view body) {
  const SystemTime time;
  Loop loop(time, 1);
  Result<Answer> answer = fail(ErrorKind::kInternal, "not asked");
  TaskGroup tasks;
  tasks.spawn(exchange(loop, method, target, body, answer));
  loop.run();
  return answer;
}

}  // namespace sluice::ctl
