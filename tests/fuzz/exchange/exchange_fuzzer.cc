#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/http1_message.h"
#include "tests/fuzz/http2_script.h"
#include "tests/fuzz/request_oracle.h"
#include "tests/support/memory_gateway.h"

namespace {

using namespace sluice;
using fuzz::ByteCursor;
using fuzz::expect;

constexpr std::string_view kEndpoints[] = {"one:1", "two:1"};
constexpr std::size_t kMaxClients = 4;
constexpr std::size_t kMaxBackends = 16;

// What backends have done for a request, by its mark.
struct Served {
  bool wholly = false;  // an answer was sent to its end
};

std::string marked(unsigned mark) {
  return "\"mark\":" + std::to_string(mark) + ",";
}

// All marks of an answer are its request's.
void expect_only(std::string_view body, unsigned mark) {
  constexpr std::string_view kName = "\"mark\":";
  for (std::size_t at = body.find(kName); at != std::string_view::npos; at = body.find(kName, at + 1)) {
    const std::string_view rest = body.substr(at);
    const std::string wanted = marked(mark);
    expect(rest.starts_with(wanted.substr(0, rest.size())));
  }
}

class Client {
 public:
  explicit Client(test::TestClient client) : client_(std::move(client)) {}

  void ask(unsigned mark, unsigned how) {
    const std::string field = "x-mark: " + std::to_string(mark) + "\r\n";
    const std::string json = "{\"model\":\"m\",\"stream\":" + std::string((how & 8) != 0 ? "true" : "false") +
                             ",\"messages\":[{\"role\":\"user\",\"content\":\"" + std::string(how, 'p') +
                             "\"}]}";
    switch (how % 5) {
      case 0:
        unsent_ += "GET /files HTTP/1.1\r\nhost: gateway\r\n" + field + "\r\n";
        break;
      case 1:
        unsent_ += "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n" + field +
                   "content-type: application/json\r\ncontent-length: " + std::to_string(json.size()) +
                   "\r\n\r\n" + json;
        break;
      case 2:
        unsent_ += "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n" + field +
                   "transfer-encoding: chunked\r\n\r\n" + test::chunk(json.substr(0, 20)) +
                   test::chunk(json.substr(20)) + std::string(test::kLastChunk);
        break;
      case 3:
        unsent_ += "PUT /files HTTP/1.1\r\nhost: gateway\r\n" + field +
                   "content-length: " + std::to_string(60u * how) + "\r\n\r\n" + std::string(60u * how, 'u');
        break;
      default:
        unsent_ += "PUT /files HTTP/1.1\r\nhost: gateway\r\n" + field + "transfer-encoding: chunked\r\n\r\n" +
                   test::chunk(std::string(1 + 60u * how, 'u')) + std::string(test::kLastChunk);
    }
    asked_.push_back(mark);
  }
  void send(std::size_t bytes) {
    const std::size_t fitted = client_.put(std::string_view(unsent_).substr(0, bytes));
    unsent_.erase(0, fitted);
  }
  void read(std::size_t bytes) { (void)client_.read_some(1 + bytes); }
  void half_close() { client_.transport().shutdown_write(); }
  void leave() { client_.leave(); }

  // What came are answers to what was asked, in that order, and none of it is another's.
  void check(const std::map<unsigned, Served>& served) const {
    std::string_view bytes = client_.received();
    for (const unsigned mark : asked_) {
      if (bytes.empty()) return;
      const test::Answer answer = test::take_answer(bytes);
      expect_only(answer.body, mark);
      if (!answer.complete) return;
      // What looks whole was whole.
      if (answer.status == 200) {
        const auto found = served.find(mark);
        expect(found != served.end() && found->second.wholly);
      }
    }
  }

 private:
  test::TestClient client_;
  std::string unsent_;
  std::vector<unsigned> asked_;
};

// A backend's end of a connection, which gets one request at a time, each whole in the end or cut off.
class Backend {
 public:
  explicit Backend(std::unique_ptr<test::BackendEnd> end) : end_(std::move(end)) {}

  void check() {
    const std::string_view bytes = std::string_view(end_->received()).substr(answered_);
    if (odd_ || bytes.empty() || mark_ != 0) return;
    const std::optional<fuzz::Http1Message> request = fuzz::first_request(bytes);
    if (!request) return;
    expect(request->bytes == bytes.size());
    const auto field = std::ranges::find(request->fields, "x-mark", [](const auto& f) { return f.first; });
    expect(field != request->fields.end());
    mark_ = static_cast<unsigned>(std::stoul(field->second));
    whole_ = answered_ + request->bytes;
  }

  void act(unsigned what, ByteCursor& program, std::map<unsigned, Served>& served) {
    check();
    switch (what % 8) {
      case 0: {
        if (mark_ == 0 || begun_) return;
        const std::string body = "{" + marked(mark_) + "\"usage\":{\"prompt_tokens\":1}," +
                                 std::string(program.byte() * 40u, ' ') + "\"a\":1}";
        if (!send("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body))
          return;
        served[mark_].wholly = true;
        return done();
      }
      case 1:
        if (mark_ == 0 || begun_) return;
        begun_ =
            send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        return;
      case 2:
        if (mark_ == 0 || !begun_) return;
        (void)send(test::chunk("data: {" + marked(mark_) + "\"choices\":[{\"delta\":{\"content\":\"" +
                               std::string(program.byte(), 'c') + "\"}}]}\n\n"));
        return;
      case 3:
        if (mark_ == 0 || !begun_) return;
        if (!send(test::chunk("data: [DONE]\n\n") + std::string(test::kLastChunk))) return;
        served[mark_].wholly = true;
        return done();
      case 4:
        odd_ = true;
        return end_->close();
      case 5:
        odd_ = true;
        return end_->reset();
      case 6: {  // an answer of another kind
        if (mark_ == 0 || begun_) return;
        constexpr std::string_view kAnswers[] = {
            "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"};
        const std::string_view answer = kAnswers[program.byte() % 4];
        if (!send(answer) || answer.starts_with("HTTP/1.1 1")) return;
        return done();
      }
      default: {  // bytes that mean anything, or nothing
        odd_ = true;
        std::string bytes(program.take(program.byte() % 64));
        std::ranges::replace(bytes, '"', '\'');
        // An end of its own making is an end.
        for (auto& [mark, by] : served)
          by.wholly = true;
        if (mark_ != 0) served[mark_].wholly = true;
        (void)send(bytes);
      }
    }
  }

 private:
  // A backend never sends half of what it means to: what does not fit is not begun.
  bool send(std::string_view bytes) {
    if (bytes.size() > kRoom) return false;
    const std::size_t fitted = end_->send(bytes);
    if (fitted != 0 && fitted != bytes.size()) odd_ = true;
    return fitted == bytes.size() && fitted != 0;
  }
  void done() {
    answered_ = whole_;
    mark_ = 0;
    begun_ = false;
  }

  static constexpr std::size_t kRoom = 64 * 1024;
  std::unique_ptr<test::BackendEnd> end_;
  std::size_t answered_ = 0;  // bytes of requests that were answered
  std::size_t whole_ = 0;     // and of the one that waits for its answer
  unsigned mark_ = 0;         // that one's
  bool begun_ = false;        // its answer is a stream under way
  bool odd_ = false;          // broke off, or said what no backend says
};

test::GatewayPlan plan_of(ByteCursor& choices) {
  test::GatewayPlan plan;
  plan.clusters[0].endpoints = {std::string(kEndpoints[0]), std::string(kEndpoints[1])};
  plan.clusters[0].pool.max_connections = 1 + choices.byte() % 4;
  plan.routes[0].attempts = 1 + choices.byte() % 3;
  plan.client_capacity = 64 + 256u * choices.byte();
  if ((choices.byte() & 1) != 0) plan.stream_buffer_bytes = BufferPool::kSmallBytes;
  return plan;
}

void serve(std::string_view input) {
  ByteCursor program(input);
  test::MemoryGateway gateway(plan_of(program));
  std::map<unsigned, Served> served;
  std::deque<Client> clients;
  std::vector<Backend> backends;
  unsigned marks = 0;

  const auto look = [&] {
    for (const std::string_view endpoint : kEndpoints) {
      while (auto end = gateway.network.take(std::string(endpoint)))
        backends.emplace_back(std::move(end));
    }
    for (Backend& backend : backends)
      backend.check();
    for (const Client& client : clients)
      client.check(served);
  };
  const auto pick = [&program](auto& of) -> auto& { return of[program.byte() % of.size()]; };

  while (!program.empty()) {
    const unsigned what = program.byte() % 16;
    if (what == 0 && clients.size() < kMaxClients) {
      clients.emplace_back(gateway.connect());
    } else if (what <= 2 && !clients.empty()) {
      Client& client = pick(clients);
      client.ask(++marks, program.byte());
      client.send(SIZE_MAX);
    } else if (what == 3 && !clients.empty()) {
      pick(clients).ask(++marks, program.byte());
    } else if (what == 4 && !clients.empty()) {
      pick(clients).send(program.byte());
    } else if (what == 5 && !clients.empty()) {
      pick(clients).read(16u * program.byte());
    } else if (what == 6 && !clients.empty()) {
      Client& client = pick(clients);
      if (program.byte() % 4 != 0) {
        client.half_close();
      } else {
        client.leave();
      }
    } else if (what <= 11 && !backends.empty()) {
      if (backends.size() > kMaxBackends) return;
      Backend& backend = pick(backends);
      backend.act(program.byte(), program, served);
    } else if (what == 12) {
      gateway.t.advance(std::chrono::milliseconds(250u * program.byte()));
    } else if (what == 13) {
      const std::string endpoint(kEndpoints[program.byte() % 2]);
      gateway.network.set_mode(endpoint, static_cast<test::MemoryNetwork::Mode>(program.byte() % 3));
    } else if (what == 14) {
      // The next thing happens between two handlers.
      for (unsigned left = program.byte() % 8; left != 0; --left)
        (void)gateway.t.step();
      continue;
    }
    gateway.t.turn();
    look();
  }

  // Nobody says anything any more, and some of them stay.
  for (Client& client : clients) {
    if (program.byte() == 0) break;
    client.leave();
  }
  // Each leap of time ends one wait, and requests that were sent behind one another have several each.
  for (int i = 0; i < 1000 && (i < 3 || !gateway.leftovers().empty()); ++i) {
    gateway.t.advance(std::chrono::minutes(5));
    for (Client& client : clients)
      client.read(1 << 20);
    look();
  }
  expect(gateway.leftovers().empty());
  for (const ExchangeRecord& record : gateway.sink.records)
    expect(record.status != 0 && record.ended_at.has_value());
  for (const std::string& line : gateway.sink.lines)
    expect(line.find('\n') == line.size() - 1 || line.find('\n') == std::string::npos);
}

}  // namespace

// A program of clients that ask, send in pieces, stop reading and leave, of backends that answer, stall,
// break off and talk nonsense, and of time. Whatever they do: backends get whole requests one after the
// other, an answer reaches only who asked for it, none looks whole that was not, and after some silence
// nothing is left.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  serve({reinterpret_cast<const char*>(data), size});
  return 0;
}
